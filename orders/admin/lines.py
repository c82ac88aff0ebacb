"""The articles of an order, below the order itself."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chat import formats
from orders.forms import LineForm, LineFormSet
from orders.models import Order, OrderLine

MOST_LINES = 500


class LineInline(admin.TabularInline[OrderLine, Order]):
    """The articles, with each line's sum beside it and the total below."""

    model = OrderLine
    form = LineForm
    formset = LineFormSet  # type: ignore[assignment]  # the stubs know of no narrower form in a formset
    template = "admin/orders/order/lines.html"
    fields = ("name", "sku", "quantity", "unit_price", "sum")
    readonly_fields = ("sum",)
    max_num = MOST_LINES

    def get_extra(self, request: HttpRequest, obj: Order | None = None, **kwargs: object) -> int:
        """A new order begins with one empty line."""
        return 0 if obj else 1

    def has_add_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        """Lines are part of their order: whoever may write the one writes the other."""
        return request.user.has_perm("orders.change_order" if obj else "orders.add_order")

    has_change_permission = has_delete_permission = has_add_permission

    def has_view_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        """The same for reading."""
        return request.user.has_perm("orders.view_order") or self.has_add_permission(request, obj)

    @admin.display(description=_("sum"))
    def sum(self, line: OrderLine) -> SafeString:
        """As stored; the page's script keeps it in step with what is typed."""
        words = formats.money(line.total, line.order.currency) if line.pk else ""
        return format_html('<output class="line-sum">{}</output>', words)
