"""`make screenshots`: the pictures in docs/images/, taken from a fresh demo at two widths, light and dark.

python -m tests.e2e.screenshots            every picture
python -m tests.e2e.screenshots offline    the chat's states with that word in their name, alone
"""

import sys
import tempfile
from collections.abc import Callable
from itertools import product as product_of
from pathlib import Path

import requests
from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from tests.e2e import states
from tests.e2e.conftest import FLAGS, find_chromium
from tests.e2e.test_story import open_link
from tests.running import ROOT, Product, running_demo, wait_for
from tests.test_journey import link_in, mail_to

FOLDER = ROOT / "docs" / "images"
SIZES = {"1280": (1280, 800), "390": (390, 844)}
SCHEMES = ("light", "dark")


def main() -> None:
    """Take the pictures anew."""
    chromium = find_chromium()
    if chromium is None:
        sys.exit("No Chromium or Chrome on this machine (Debian: apt-get install chromium).")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_demo(Path(folder), MESSAGES_PER_MINUTE="100000", DESK_HOURS=states.DESK_HOURS) as product,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        wanted = "".join(sys.argv[1:2])
        if not wanted:
            shoot_pages(browser, product)
        for size, (width, height) in SIZES.items():
            # The states differ in what is said, and the pages above show each colour; so these are light only.
            options = {"viewport": {"width": width, "height": height}, "base_url": product.url, "color_scheme": "light"}
            states.take(browser, product, options=options, save=saver(size), only=wanted)
        if not wanted:
            # Last, because the staff's choice of language stays.
            chen = None
            for size in SIZES:
                chen = shoot_in_chinese(browser, product, size, chen)
        browser.close()


def saver(size: str) -> Callable[[Page, str], None]:
    """Takes pictures of states at that width."""

    def save(page: Page, name: str) -> None:
        page.screenshot(path=FOLDER / f"state-{name}-{size}.png", animations="disabled")

    return save


def shoot_pages(browser: Browser, product: Product) -> None:
    """Every page of the demo's day, at both widths and in both colour schemes."""
    mail = mail_to(product, "anna@example.com", order=1002)
    device = browser.new_context(base_url=product.url)
    open_link(device.new_page(), link_in(mail))
    # The same browser of Anna's each time: a further one would be asked for a code.
    for size, scheme in product_of(SIZES, SCHEMES):
        shoot_all(browser, product, device.storage_state(), size, scheme)


def shoot_all(browser: Browser, product: Product, anna: StorageState, size: str, scheme: str) -> None:
    """Every page at one width and in one colour scheme."""
    width, height = SIZES[size]
    options = {"viewport": {"width": width, "height": height}, "color_scheme": scheme, "base_url": product.url}
    customer = browser.new_context(**options, storage_state=anna).new_page()  # type: ignore[arg-type]
    customer.goto("/demo/mailbox/")
    customer.goto(newest_mail(product))
    customer.get_by_role("link", name="Open the customer's link").click()
    customer.get_by_role("log").get_by_text("this afternoon").wait_for()
    shoot(customer, f"chat-customer-{size}-{scheme}")
    for name, path in {"index": "/", "mailbox": "/demo/mailbox/", "mail": newest_mail(product), "login": "/login/"}.items():
        customer.goto(path)
        shoot(customer, f"{name}-{size}-{scheme}")
    staff = browser.new_context(**options).new_page()  # type: ignore[arg-type]
    staff.goto("/login/?next=/inbox/")
    staff.fill("input[name=username]", "staff")
    staff.fill("input[name=password]", "staff")
    staff.locator("input[name=password]").press("Enter")
    staff.wait_for_url(f"{product.url}/inbox/")
    shoot(staff, f"inbox-{size}-{scheme}")
    staff.get_by_role("link").filter(has_text="Anna").first.click()
    staff.get_by_role("log").get_by_text("this afternoon").wait_for()
    shoot(staff, f"chat-agent-{size}-{scheme}")
    for name, path in {"admin-orders": "/admin/orders/order/", "admin-order": "/admin/orders/order/1002/change/"}.items():
        staff.goto(path)
        shoot(staff, f"{name}-{size}-{scheme}")


def shoot_in_chinese(browser: Browser, product: Product, size: str, chen: StorageState | None) -> StorageState:
    """The same shop as a Chinese customer and Chinese staff see it; the customer's browser, for the next time."""
    width, height = SIZES[size]
    options = {"viewport": {"width": width, "height": height}, "locale": "zh-CN", "timezone_id": "Asia/Shanghai", "base_url": product.url}
    context = browser.new_context(**options, storage_state=chen)  # type: ignore[arg-type]
    customer = context.new_page()
    customer.goto("/demo/mailbox/")
    customer.get_by_role("link").filter(has_text="chen@example.com").first.click()
    shoot(customer, f"mail-{size}-zh")
    customer.get_by_role("link", name="打开客户的链接").click()
    if chen is None:
        customer.get_by_role("button", name="打开我的订单").click()
    customer.get_by_role("log").get_by_text("什么时候发货").wait_for()
    shoot(customer, f"chat-customer-{size}-zh")
    staff = browser.new_context(**options).new_page()  # type: ignore[arg-type]
    staff.goto("/login/?next=/inbox/")
    shoot(staff, f"login-{size}-zh")
    staff.fill("input[name=username]", "staff")
    staff.fill("input[name=password]", "staff")
    staff.locator("input[name=password]").press("Enter")
    staff.wait_for_url(f"{product.url}/inbox/")
    if staff.locator("html").get_attribute("lang") != "zh-hans":
        staff.get_by_role("button", name="简体中文").click()
        staff.get_by_role("heading", name="收件箱").wait_for()
    shoot(staff, f"inbox-{size}-zh")
    staff.goto("/admin/orders/order/1003/change/")
    shoot(staff, f"admin-order-{size}-zh")
    return context.storage_state()


def newest_mail(product: Product) -> str:
    """The page of Anna's mail about order 1002."""
    page = wait_for(lambda: requests.get(f"{product.url}/demo/mailbox/", timeout=20).text, "the mailbox")
    row = page[: page.index("1002")]
    return "/demo/mailbox/" + row.rpartition("/demo/mailbox/")[2].partition('"')[0]


def shoot(page: Page, name: str) -> None:
    """One picture of what the screen shows."""
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


if __name__ == "__main__":
    main()
