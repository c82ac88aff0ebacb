"""The forms a clerk enters orders with: what is checked, and what is said, before anything is stored."""

import hashlib
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.numbers import get_currency_precision
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.forms.widgets import ChoiceWidget
from django.utils.translation import get_language, to_locale
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from orders import money
from orders.models import MOVES, Order, OrderLine, Status

COMMON_CURRENCIES = ("EUR", "USD", "GBP", "CHF", "JPY", "CNY")
MOST_PIECES = 1_000_000
# An order in one of these may be without lines: nobody was told of it, or it was taken back.
MAY_BE_EMPTY = {Status.DRAFT, Status.CANCELLED}

Choices = list[tuple[Any, Any]]


class CurrencySelect(forms.Select):
    """Tells the page how many digits each currency has, so that its live total agrees with ours (ISO 4217 and CLDR differ)."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Two digits go without saying."""
        option: dict[str, Any] = super().create_option(name, value, *args, **kwargs)
        digits = get_currency_precision(str(value))
        if digits != 2:
            option["attrs"]["data-digits"] = str(digits)
        return option


class OrderForm(forms.ModelForm[Order]):
    """An order's own fields. `clerk` is set by the admin: it is who a new order's external id belongs to."""

    clerk: User | None = None

    class Meta:
        model = Order
        fields = [
            "customer",
            "status",
            "currency",
            "ship_to_name",
            "street",
            "postal_code",
            "city",
            "region",
            "country",
            "external_id",
            "data",
        ]
        widgets = {"status": forms.RadioSelect, "currency": CurrencySelect, "country": forms.Select}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """A clerk who may only look gets a form without fields."""
        super().__init__(*args, **kwargs)
        if "status" not in self.fields:
            return
        language = get_language() or "en"
        self.fields["status"].widget = self._status_widget()
        self.fields["currency"].widget.choices = currency_choices(language)
        self.fields["country"].widget.choices = country_choices(language, self.instance.country)
        self.fields["country"].help_text = ""

    def clean_customer(self) -> User:
        """A customer; whose the order is already, they may have become an agent since."""
        chosen: User = self.cleaned_data["customer"]
        if chosen.pk != self.instance.customer_id and not User.customers().filter(pk=chosen.pk).exists():
            words = _("%(name)s is not a customer, but staff, an agent or an API client. Choose a customer.")
            raise ValidationError(words, code="no_customer", params={"name": chosen.display_name})
        return chosen

    def clean_data(self) -> Any:
        """An emptied field is an empty object; what may be stored, `Order.clean` says."""
        return {} if self.cleaned_data["data"] is None else self.cleaned_data["data"]

    def clean_external_id(self) -> str:
        """The database allows each id once per client; a clerk reads why instead of an error page."""
        external_id: str = self.cleaned_data["external_id"]
        owner = self.clerk if self.instance._state.adding else self.instance.created_by
        same = Order.objects.filter(Order.has_external_id(external_id), created_by=owner).exclude(pk=self.instance.pk).first()
        if owner and same:
            raise ValidationError(_("Order %(number)s has this id already."), code="taken", params={"number": same.number})
        return external_id

    def clean(self) -> dict[str, Any] | None:
        """An order isn't placed with a customer whom no mail can reach: the status promises that they are told."""
        cleaned = super().clean()
        customer = self.cleaned_data.get("customer") or getattr(self.instance, "customer", None)
        if self.data.get("seen", "") not in {"", self.stored()}:
            words = _("This order was changed after you opened this page. Look at it in another tab; saving again keeps what stands here.")
            self.add_error(None, ValidationError(words, code="changed_since"))
        if customer and self._is_being_placed() and warning(customer):
            self.add_error("customer" if "customer" in self.fields else None, ValidationError(warning(customer), code="no_address"))
        return cleaned

    def stored(self) -> str:
        """A word for all that saving writes over, as it is stored now; the page brings back the one that it was made from."""
        if self.instance._state.adding:
            return ""
        order = Order.objects.filter(pk=self.instance.pk).values_list(*OrderForm.Meta.fields)
        lines = OrderLine.objects.filter(order=self.instance.pk).order_by("pk").values_list("pk", *LineForm.Meta.fields)
        return hashlib.sha256(repr([*order, *lines]).encode()).hexdigest()

    def _is_being_placed(self) -> bool:
        is_new = self.instance._state.adding or self.initial.get("status") == Status.DRAFT
        return is_new and self.cleaned_data.get("status") == Status.PLACED

    def _status_widget(self) -> ChoiceWidget:
        """Only the moves that are allowed are offered; any other one that is posted meets `Order.clean`."""
        stored = None if self.instance._state.adding else Status(self.instance.status)
        if stored not in {None, Status.DRAFT}:
            moves = [status for status in Status if status == stored or status in MOVES[stored]]
            return forms.Select(choices=[(status.value, status.label.capitalize()) for status in moves])
        choices: Choices = [(Status.PLACED, placed_label(self._chosen_customer())), (Status.DRAFT, _("Draft — nobody is told"))]
        if stored:
            choices.append((Status.CANCELLED, _("Cancelled — nobody is told")))
        return forms.RadioSelect(choices=choices)

    def _chosen_customer(self) -> User | None:
        posted = self.data.get(self.add_prefix("customer"), "")
        chosen = posted if posted else self.initial.get("customer") or self.instance.customer_id
        return User.objects.filter(pk=chosen).first() if str(chosen or "").isdigit() else None


class PriceField(forms.DecimalField):
    """A price as people type it, with a point or a comma before the digits. What could be a thousand as well is asked about, not guessed.

    The page's script reads it in the same way (`orders/static/orders/money.js`). No number input: browsers take a comma out of those.
    """

    default_error_messages = {"separators": _("Write the price with a point before the digits, such as 1500 or 1.50.")}

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]  # it is a DecimalField, which inherits from IntegerField
        """The amount. Raises ValidationError for 1,500 and for 1.500,00; 1.500 is for whoever knows the currency."""
        typed = str(value or "").strip()
        if "," in typed and not re.fullmatch(r"-?\d*,(\d{1,2}|\d{4})", typed):
            raise ValidationError(self.error_messages["separators"], code="separators")
        return super().to_python(typed.replace(",", "."))


class QuantityField(forms.IntegerField):
    """A number of pieces. Django takes 1.000 for 1, which to many people is a thousand."""

    default_error_messages = {"whole": _("Write a whole quantity from 1 to 1,000,000.")}

    def to_python(self, value: Any) -> int | None:
        """The number. Raises ValidationError for what has a point."""
        if "." in str(value or ""):
            raise ValidationError(self.error_messages["whole"], code="whole")
        return super().to_python(value)


class LineForm(forms.ModelForm[OrderLine]):
    """One article."""

    class Meta:
        model = OrderLine
        fields = ["name", "sku", "quantity", "unit_price"]
        field_classes = {"quantity": QuantityField, "unit_price": PriceField}
        widgets = {"unit_price": forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})}
        error_messages = {
            "quantity": {"min_value": _("Write a quantity of 1 or more.")},
            "unit_price": {"min_value": _("A price can't be below 0.")},
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """A stored price is shown with its currency's digits, not with the column's four."""
        super().__init__(*args, **kwargs)
        if "unit_price" not in self.fields:
            return
        for field in self.fields.values():
            # The column's heading is no label to a screen reader, and it isn't there on a phone.
            field.widget.attrs |= {"aria-label": field.label, "placeholder": field.label}
        self.fields["quantity"].validators.append(MaxValueValidator(MOST_PIECES))
        self.fields["quantity"].widget.attrs["min"] = 1
        if self.instance.pk:
            currency = self.instance.order.currency
            self.initial["unit_price"] = money.rounded(self.instance.unit_price, currency)


class LineFormSet(BaseInlineFormSet[OrderLine, Order, LineForm]):
    """All lines of an order, checked against the order as it is about to be stored."""

    def get_queryset(self) -> QuerySet[OrderLine]:
        """The lines know their order without asking the database for it, each by itself."""
        lines = super().get_queryset()
        for line in lines:
            line.order = self.instance
        return lines

    def add_fields(self, form: LineForm, index: int | None) -> None:
        """The box that takes a line out says so to a screen reader too."""
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].widget.attrs["aria-label"] = _("Delete this line")

    def clean(self) -> None:
        """Prices have the currency's digits; an order that somebody is told of has a line."""
        super().clean()
        kept = [form for form in self.forms if self._is_kept(form)]
        for form in kept:
            self._check_price(form)
        if not kept and not any(self.errors) and self.instance.status not in MAY_BE_EMPTY:
            raise ValidationError(_("A placed order needs at least one line. Add one, or save the order as a draft."), code="no_lines")

    def _is_kept(self, form: LineForm) -> bool:
        return bool(getattr(form, "cleaned_data", None)) and not form.cleaned_data.get("DELETE")

    def _check_price(self, form: LineForm) -> None:
        price = form.cleaned_data.get("unit_price")
        if not isinstance(price, Decimal) or self.instance.currency not in money.CURRENCIES:
            return
        try:
            money.check_digits(price, self.instance.currency)
        except ValidationError as error:
            form.add_error("unit_price", error)
        else:
            if price.as_tuple().exponent == -3 and get_currency_precision(self.instance.currency) < 3:
                # 1.500 euros: nobody writes a third digit of cents, and many write a thousand so.
                form.add_error("unit_price", ValidationError(PriceField.default_error_messages["separators"], code="separators"))


def placed_label(customer: User | None) -> str:
    """What placing an order does, said before it is done."""
    if customer is None:
        return str(_("Placed — the customer is told by mail when you save"))
    facts = {"name": customer.display_name, "address": settings.SENDINBLUE_TO_EMAIL or customer.email}
    if settings.SENDINBLUE_TO_EMAIL:
        return str(_("Placed — %(name)s's mail goes to %(address)s instead, when you save")) % facts
    if not customer.email:
        return str(_("Placed — not possible: %(name)s has no mail address")) % facts
    return str(_("Placed — %(name)s is told by mail when you save (%(address)s)")) % facts


def warning(customer: User) -> str:
    """Why this customer can't be told, and what helps; empty where they can."""
    if settings.SENDINBLUE_TO_EMAIL or customer.email:
        return ""
    return str(_("%(name)s has no mail address, so nobody could be told. Add one (the pencil beside the name), or save a draft.")) % {
        "name": customer.display_name
    }


@lru_cache
def currency_choices(language: str) -> Choices:
    """Every currency in use, the common ones first."""
    locale = Locale.parse(to_locale(language))

    def named(codes: Any) -> Choices:
        return [(code, f"{code} – {locale.currencies.get(code, code)}") for code in codes]

    return [(_("Common"), named(COMMON_CURRENCIES)), (_("All"), named(sorted(money.CURRENCIES.difference(COMMON_CURRENCIES))))]


def country_choices(language: str, stored: str = "") -> Choices:
    """Every country by its name in that language; a stored code that is none of them stays to be seen."""
    locale = Locale.parse(to_locale(language))
    named = [(code, str(locale.territories.get(code, code))) for code in money.COUNTRIES]
    named += [(stored, stored)] if stored and stored not in dict(named) else []
    return [("", "—"), *sorted(named, key=lambda choice: choice[1])]
