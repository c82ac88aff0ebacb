"""The original guide's routes, as it shows them: `POST /user` and `POST /order`, with a form or JSON.

Outside the demo they need an API key. In the demo, which listens on loopback only, they need none, as in the guide; a web page of
somebody else's that posts here from the visitor's browser is still refused.
"""

import json
import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError as InvalidError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import permissions, serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import callers
from accounts.api.parsers import FormParser, JsonParser, MultiPartParser
from accounts.api.permissions import IsStaffOrKey, MayUseModel
from accounts.api.schema import answer, example
from accounts.api.serializers import CustomerSerializer, customer_named, named
from accounts.api.views import Api
from accounts.models import ApiKey, Scope, User
from chat import conversations, links
from chat.models import Conversation
from orders import copied_link, snapshot
from orders.api import examples
from orders.api.intake import take_in
from orders.api.parts import LineSerializer
from orders.api.serializers import OrderSerializer
from orders.models import Order
from orders.placing import place_sample

A_WHOLE_ORDER = {"currency": "EUR", "lines": [{"name": "Blue mug", "sku": "MUG-1", "quantity": 2, "unit_price": "12.50"}]}

logger = logging.getLogger("orders.guide")


class IsLocalDemo(permissions.BasePermission):
    """The demo's own machine, and not a foreign page in its browser."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Loopback, and no other site's Origin."""
        own = {None, settings.PUBLIC_URL, f"{request.scheme}://{request.get_host()}"}
        return settings.DEMO and callers.is_on_this_machine(request._request) and request.headers.get("Origin") in own


class GuideView(Api):
    """Form or JSON in, JSON out."""

    permission_classes = [IsLocalDemo | (IsStaffOrKey & MayUseModel)]
    parser_classes = [FormParser, JsonParser, MultiPartParser]

    def given(self, request: Request) -> dict[str, Any]:
        """The body as a dict; anything but an object or a form is refused."""
        if hasattr(request.data, "dict"):
            return dict(request.data.dict())
        if not isinstance(request.data, dict):
            raise serializers.ValidationError(_("Send an object with a username."), code="not_an_object")
        return dict(request.data)


class GuideOrder(OrderSerializer):
    """What `POST /order` takes: `username` alone for the guide's sample order; with `lines`, a whole order of that customer's."""

    customer = None  # type: ignore[assignment]
    username = serializers.CharField(max_length=150)
    lines = LineSerializer(many=True, required=False)

    class Meta(OrderSerializer.Meta):
        fields = ["username", "external_id", "status", "currency", "lines", "shipping_address", "data"]


@extend_schema_serializer(examples=[answer(examples.USER_MADE)])
class UserMade(serializers.Serializer[Any]):
    """What `POST /user` answers."""

    user_id = serializers.CharField()
    username = serializers.CharField()
    role = serializers.ChoiceField(choices=["customer", "agent"])
    conversation_id = serializers.CharField(allow_null=True)
    inbox_url = serializers.CharField(allow_null=True)


@extend_schema_serializer(examples=[answer(examples.ORDER_MADE)])
class OrderMade(serializers.Serializer[Any]):
    """What `POST /order` answers."""

    order_id = serializers.IntegerField()
    order_text = serializers.CharField()
    username = serializers.CharField()
    user_id = serializers.CharField()
    conversation_id = serializers.CharField()
    chat_url = serializers.CharField()


class UserView(GuideView):
    """`POST /user`: make a user and their conversation; the same user again answers the same one."""

    queryset = User.objects.none()

    @extend_schema(
        operation_id="guide_user",
        summary="Make a user, as in the original guide",
        tags=["guide"],
        request=CustomerSerializer,
        responses={200: UserMade, 201: UserMade},
        examples=[example({"username": "anna"})],
    )
    def post(self, request: Request) -> Response:
        """201 with a new user, 200 with the one that is there."""
        given = self.given(request)
        user, is_new = named(given.get("username")), False
        if user is None:
            try:
                user, is_new = _make(given), True
            except serializers.ValidationError:
                # Somebody else may have made the same user in this very moment.
                user = named(given.get("username"))
                if user is None:
                    raise
        conversation = conversation_of(user)
        if is_new:
            logger.info("User %s and Conversation %s created.", _shown(user), conversation.public_id if conversation else "-")
        else:
            logger.info("User %s is there already.", _shown(user))
        return Response(_user_made(user, conversation), status=201 if is_new else 200)


class OrderView(GuideView):
    """`POST /order`: the guide's sample order for a `username` alone, or a whole order where more is given."""

    queryset = Order.objects.none()

    @extend_schema(
        operation_id="guide_order",
        summary="Place an order, as in the original guide",
        tags=["guide"],
        request=GuideOrder,
        responses={200: OrderMade, 201: OrderMade},
        examples=[example({"username": "anna"}, "the sample order"), example({"username": "anna", **A_WHOLE_ORDER}, "a whole order")],
    )
    def post(self, request: Request) -> Response:
        """201 with what was made, 200 with the order that has this `external_id` already.

        `chat_url` is the customer's whole link for a caller who may copy links, and by a key with the scope `chat`; else the bare page.
        """
        given = self.given(request)
        customer = _customer(given)
        logger.info("Creating order...")
        creator = callers.user_of(request)
        # Whoever sends one thing more means an order of their own, which is not replaced by another where it is faulty.
        if given.keys() == {"username"}:
            order, is_new = place_sample(customer, created_by=creator), True
        else:
            order, is_new = take_in(given | {"customer": customer.username}, creator=creator)
        conversation = conversations.open_for(customer)
        if settings.DEMO:
            logger.info("Order URL: %s%s", settings.PUBLIC_URL, links.path_for(conversation, order.number))
        return Response(_order_made(order, conversation, chat_url=_chat_url(request, order, conversation)), status=201 if is_new else 200)

    def told_again(self, request: Request, body: str, *args: Any, **kwargs: Any) -> str:
        """The link without its key where the repeat came by another of the client's keys, which may not hold it."""
        if settings.DEMO or _may_hold_links(request):
            return body
        told = json.loads(body)
        return JSONRenderer().render(told | {"chat_url": told["chat_url"].partition("?")[0]}).decode()


def conversation_of(user: User) -> Conversation | None:
    """A customer's conversation, opened on first use; agents and staff have none of their own."""
    return None if user.is_agent or user.is_staff else conversations.open_for(user)


def _make(given: dict[str, Any]) -> User:
    form = CustomerSerializer(data=_with_demo_address(given))
    form.is_valid(raise_exception=True)
    if settings.DEMO:
        logger.info("Creating user %s", form.validated_data["username"])
    return form.save()


def _shown(user: User) -> str:
    """In the demo as the guide's console shows it; elsewhere logs name nobody."""
    return user.username if settings.DEMO else user.public_id


def _customer(given: dict[str, Any]) -> User:
    username = given.get("username", given.get("customer"))
    if username is None or username == "":
        raise serializers.ValidationError({"username": [ErrorDetail(_("Say whose order it is."), code="required")]})
    found = customer_named(username)
    if found is None:
        raise serializers.ValidationError({"username": [_no_customer(named(username))]})
    return found


def _no_customer(user: User | None) -> ErrorDetail:
    """Whoever is known and active is somebody of the house, which `POST /user` makes no customer of."""
    if user is not None and user.is_active:
        return ErrorDetail(_("There is no such customer. Make the customer first."), code="does_not_exist")
    return ErrorDetail(_("There is no such user. Make the user first: POST /user."), code="unknown_user")


def _with_demo_address(given: dict[str, Any]) -> dict[str, Any]:
    """In the demo a user without an address gets one of a reserved domain, so that there is a mail to look at."""
    if not settings.DEMO or given.get("email"):
        return given
    address = f"{str(given.get('username')).partition('@')[0]}@example.com"
    try:
        validate_email(address)
    except InvalidError:
        address = "customer@example.com"
    return given | {"email": address}


def _user_made(user: User, conversation: Conversation | None) -> dict[str, Any]:
    return {
        "user_id": user.public_id,
        "username": user.username,
        "role": "agent" if user.is_agent else "customer",
        "conversation_id": conversation.public_id if conversation else None,
        "inbox_url": f"{settings.PUBLIC_URL}/inbox/" if user.is_agent else None,
    }


def _chat_url(request: Request, order: Order, conversation: Conversation) -> str:
    """The customer's whole link for the guide's demo, and for who may hold it, which is written down; else the page without a key."""
    if settings.DEMO:
        return links.url_for(links.issue(conversation, order.number, issued_by=order.created_by))
    if isinstance(request.user, User) and _may_hold_links(request):
        return copied_link.copy(order, request.user).url
    return links.page_for(conversation, order.number)


def _may_hold_links(request: Request) -> bool:
    """Whoever has the key in hand is the customer: that takes a permission of its own, and of a key the scope of chats."""
    is_made_for_it = not isinstance(request.auth, ApiKey) or Scope.CHAT in request.auth.scopes
    return is_made_for_it and bool(request.user.has_perm("chat.copy_accesslink"))


def _order_made(order: Order, conversation: Conversation, *, chat_url: str) -> dict[str, Any]:
    return {
        "order_id": order.number,
        "order_text": snapshot.text(order),
        "username": order.customer.username,
        "user_id": order.customer.public_id,
        "conversation_id": conversation.public_id,
        "chat_url": chat_url,
    }
