"""Orders in the admin: entered, found, told, repaired."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts import callers
from accounts.admin_filters import OfTheNewest
from accounts.models import User
from chat import formats, mails
from chat.outbox import State
from orders import copied_link, journey
from orders.admin import acts, as_customer, box
from orders.admin.filters import ToldFilter
from orders.admin.lines import LineInline
from orders.forms import OrderForm, placed_label, warning
from orders.models import Order, Status

ADDRESS = ("ship_to_name", "street", ("postal_code", "city"), ("region", "country"))
ENTERED = ("created_by", "created_at", "placed_at", "updated_at")
MOST_LIVE = 100
Context = dict[str, Any]


class OrderList(ChangeList):
    """Everything that a row shows, in as many queries for a hundred orders as for one."""

    def get_queryset(self, *args: Any, **kwargs: Any) -> QuerySet[Order]:
        """Lines for the sum, confirmations for what was told."""
        found: QuerySet[Order] = super().get_queryset(*args, **kwargs)
        return found.prefetch_related("lines", "confirmations")


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin[Order]):
    """Orders as a clerk with a phone at her ear needs them: who, what, and whether they know."""

    form = OrderForm
    inlines = (LineInline,)
    autocomplete_fields = ("customer",)
    actions = ("resend", "open_chat")
    list_display = ("number", "customer_name", "state", "total_price", "placed", "told")
    list_filter = (ToldFilter, "status", ("currency", OfTheNewest), "placed_at")
    list_select_related = ("customer__conversation",)
    list_per_page = 50
    search_fields = (
        "number__exact",
        "customer__name",
        "customer__username",
        "customer__email",
        "customer__phone",
        "external_id",
    )
    search_help_text = gettext_lazy("Order number, or the customer's name, mail address or phone")
    show_full_result_count = False

    class Media:
        css = {"all": ["orders/order.css"]}
        js = [forms.Script("orders/order.js", type="module"), forms.Script("orders/live.js", type="module")]

    # --- The list -------------------------------------------------------------------------------------------------------
    @admin.display(description=gettext_lazy("customer"), ordering="customer__name")
    def customer_name(self, order: Order) -> str:
        """As we address them."""
        return order.customer.display_name

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def state(self, order: Order) -> SafeString:
        """A word and an icon."""
        return SafeString(render_to_string("chat/state.html", {"status": order.status}))

    @admin.display(description=gettext_lazy("total"))
    def total_price(self, order: Order) -> SafeString:
        """With its currency."""
        return format_html('<span class="money">{}</span>', formats.money(order.total, order.currency))

    @admin.display(description=pgettext_lazy("time of an order", "placed"), ordering="placed_at")
    def placed(self, order: Order) -> SafeString | str:
        """When; a draft isn't."""
        if not order.placed_at or order.status == Status.DRAFT:
            return "–"
        return format_html('<time datetime="{}">{}</time>', order.placed_at.isoformat(), journey.moment(order.placed_at))

    @admin.display(description=gettext_lazy("customer told"))
    def told(self, order: Order) -> SafeString:
        """Whether the customer knows, in words and an icon."""
        return SafeString(render_to_string("admin/orders/order/told.html", {"order": order, "told": journey.told(order)[0]}))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """See OrderList."""
        return OrderList

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Order], search_term: str) -> tuple[QuerySet[Order], bool]:
        """People say and paste "#1002"."""
        return super().get_search_results(request, queryset, search_term.strip().removeprefix("#"))

    # --- The page -------------------------------------------------------------------------------------------------------
    def get_fieldsets(self, request: HttpRequest, obj: Order | None = None) -> list[Any]:
        """First what every order needs (the lines follow it), then what many have, then what few look at."""
        entered = ENTERED if obj else ()
        return [
            (None, {"fields": ("status", "customer", "currency")}),
            (_("Shipping address"), {"fields": ADDRESS}),
            (_("More"), {"classes": ["collapse"], "fields": ("external_id", "data", *entered)}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Order | None = None) -> tuple[str, ...]:
        """Once somebody was told of an order, it stays theirs: the conversation that holds it can't change hands."""
        return (*ENTERED, "customer") if obj and obj.status != Status.DRAFT else ENTERED

    def get_form(self, request: HttpRequest, obj: Order | None = None, change: bool = False, **kwargs: Any) -> type[OrderForm]:
        """The form knows its clerk; the class is made anew for each request."""
        form = cast(type[OrderForm], super().get_form(request, obj, change=change, **kwargs))
        form.clerk = callers.user_of(request)
        if "customer" in form.base_fields:
            # Adding a customer and mending their address belong to taking an order; deleting one does not.
            widget = form.base_fields["customer"].widget
            widget.can_delete_related = widget.can_view_related = False
        return form

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Order | None:
        """A save waits for another save of the same order, so that both judge the status they really move from."""
        order = super().get_object(request, object_id, from_field)
        if order and request.method == "POST":
            return Order.objects.select_for_update(no_key=True).filter(pk=order.pk).first()
        return order

    def save_model(self, request: HttpRequest, obj: Order, form: forms.ModelForm[Order], change: bool) -> None:
        """A new order remembers who entered it."""
        if not change:
            obj.created_by = callers.user_of(request)
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Once the lines are stored too, say what the customer will hear of it."""
        super().save_related(request, form, formsets, change)
        order: Order = form.instance
        is_changed = change and (any(formset.has_changed() for formset in formsets) or "currency" in form.changed_data)
        if is_changed:
            order.note_changed_articles()
        if change and "status" in form.changed_data and form.initial["status"] != Status.DRAFT and (words := acts.moved_on(order)):
            self.message_user(request, words)
        if "_resend" in request.POST and self.has_resend_permission(request):
            self._tell_again(request, order)
        elif order.is_told and (not change or form.initial.get("status") == Status.DRAFT):
            facts = {"name": order.customer.display_name, "address": mails.address(order.customer)}
            self.message_user(request, _("%(name)s is told by mail, at %(address)s.") % facts)
        elif is_changed and order.confirmations.filter(state=State.DONE).exists():
            words = _("%(name)s was told of the order as it was before. Press “Resend” to mail it as it is now.")
            self.message_user(request, words % {"name": order.customer.display_name}, messages.WARNING)

    def render_change_form(self, request: HttpRequest, context: Context, *args: Any, **kwargs: Any) -> HttpResponse:
        """The journey is that of the stored order, whatever is typed below it."""
        typed = kwargs.get("obj")
        if typed:
            order = _with_all().get(pk=typed.pk)
            context |= {"title": _("Order %(number)s") % {"number": order.number}, "subtitle": ""} | self._journey(request, order)
        return super().render_change_form(request, context, *args, **kwargs)

    def _journey(self, request: HttpRequest, order: Order) -> Context:
        agent = callers.user_of(request) if self.has_chat_permission(request) else None
        return box.shown(request, order, agent=agent) | {
            "may_resend": self.has_resend_permission(request) and order.status not in {Status.DRAFT, Status.CANCELLED},
            "may_copy_link": order.status != Status.DRAFT and self.has_copy_permission(request),
        }

    # --- Acts -----------------------------------------------------------------------------------------------------------
    @admin.action(description=gettext_lazy("Resend the confirmation"), permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        """Tell the customers of the chosen orders again."""
        for order in queryset.order_by("number"):
            self._tell_again(request, order)

    @admin.action(description=gettext_lazy("Open the chat"), permissions=["chat"])
    def open_chat(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        """Go to the chat beside one order."""
        orders = list(queryset[:2])
        if len(orders) != 1 or not isinstance(request.user, User):
            self.message_user(request, _("Choose one order to open its chat."), messages.WARNING)
            return None
        chat_path = acts.chat_path(orders[0], request.user)
        if not chat_path:
            self.message_user(request, acts.no_chat_yet(orders[0]), messages.WARNING)
            return None
        return redirect(chat_path)

    def has_delete_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        """A draft is nobody's business; an order that somebody was told of is cancelled, never deleted."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.status == Status.DRAFT)

    def has_resend_permission(self, request: HttpRequest) -> bool:
        """Who may mail a customer again."""
        return request.user.has_perm("orders.resend_confirmation")

    def has_chat_permission(self, request: HttpRequest) -> bool:
        """Who may read and answer chats."""
        return request.user.has_perm("accounts.answer_chats")

    def has_copy_permission(self, request: HttpRequest) -> bool:
        """Who may hold a customer's link in their hands."""
        return request.user.has_perm("chat.copy_accesslink")

    def _tell_again(self, request: HttpRequest, order: Order) -> None:
        level, words = acts.tell_again(order, shown=request.POST.get(f"shown-{order.number}", ""))
        self.message_user(request, words, level)
        if level == messages.SUCCESS:
            # By its version: a history holds no name and no address.
            order.refresh_from_db(fields=["version"])
            self.log_change(request, order, _("Resent: version %(version)s") % {"version": order.version})

    # --- Addresses beside the admin's own -------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        """Resending from the page, and what its scripts ask for."""
        view = self.admin_site.admin_view
        own = [
            path("customer/", view(require_safe(self.customer_view)), name="orders_order_customer"),
            path("live/", view(require_safe(self.live_view)), name="orders_order_live"),
            # Without a slash at its end: the page's own links to other orders lead to the same page of theirs.
            path("as-customer/<int:number>", view(require_GET(self.as_customer_view)), name="orders_order_as_customer"),
            path("<int:number>/resend/", view(require_POST(self.resend_view)), name="orders_order_resend"),
            path("<int:number>/link/", view(require_POST(self.link_view)), name="orders_order_link"),
        ]
        return own + super().get_urls()

    def resend_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """The page's button."""
        if not (self.has_view_permission(request) and self.has_resend_permission(request)):
            raise PermissionDenied
        order = get_object_or_404(Order, pk=number)
        self._tell_again(request, order)
        return redirect("admin:orders_order_change", order.pk)

    def link_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """A fresh link, shown once; the page is kept by nobody."""
        order = get_object_or_404(Order.objects.exclude(status=Status.DRAFT), pk=number)
        if not (isinstance(request.user, User) and self.has_view_permission(request) and self.has_copy_permission(request)):
            raise PermissionDenied
        copied = copied_link.copy(order, request.user)
        self.log_change(request, order, _("Copied a fresh link"))
        own = {"order": order, "link": copied.link, "url": copied.url, "order_url": reverse("admin:orders_order_change", args=[order.pk])}
        return render(request, "admin/orders/order/link.html", self.admin_site.each_context(request) | {"title": _("Link")} | own)

    def as_customer_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """The customer's page, to be looked at."""
        order = get_object_or_404(Order.objects.exclude(status=Status.DRAFT), pk=number)
        if not (self.has_view_permission(request) and self.has_chat_permission(request)):
            raise PermissionDenied
        shown = as_customer.shown(request, order)
        if shown is None:
            self.message_user(request, acts.no_chat_yet(order), messages.WARNING)
            return redirect("admin:orders_order_change", order.pk)
        return shown

    def customer_view(self, request: HttpRequest) -> JsonResponse:
        """What placing an order for this customer would do: {"placed": the radio's words, "warning": why nobody could be told}."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        asked = request.GET.get("customer", "")
        customer = get_object_or_404(User, pk=int(asked) if is_number(asked) else 0)
        return JsonResponse({"placed": placed_label(customer), "warning": warning(customer)})

    def live_view(self, request: HttpRequest) -> JsonResponse:
        """What is told by now, as HTML by order number; `?as=journey` for the page, else for the list."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        numbers = [number for number in request.GET.getlist("number") if is_number(number)]
        orders = (
            Order.objects.filter(pk__in=numbers[:MOST_LIVE])
            .select_related("customer__conversation")
            .prefetch_related("lines", "confirmations")
        )
        if request.GET.get("as") != "journey":
            return JsonResponse({str(order.number): self.told(order) for order in orders})
        template = "admin/orders/order/journey.html"
        return JsonResponse({str(order.number): render_to_string(template, self._journey(request, order), request) for order in orders})


def is_number(words: str) -> bool:
    """Whether these are digits that a primary key may have."""
    return words.isascii() and words.isdigit() and len(words) < 19


def _with_all() -> QuerySet[Order]:
    return Order.objects.select_related("customer__conversation").prefetch_related("lines", "confirmations__mail_events")
