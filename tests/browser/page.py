"""A page in the browser, used as a person does: once it has come to rest."""

from __future__ import annotations

from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

PATIENCE = 60.0
"""Seconds until a page must show what it is to show."""

STILL_CHANGING = (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
"""What happens to whoever is faster than the page."""


class Page:
    """What the browser shows.

    Args:
        chromium: The browser.
    """

    def __init__(self, chromium: Chrome) -> None:
        self._chromium = chromium
        self._wait = WebDriverWait(chromium, PATIENCE, 0.2, STILL_CHANGING)

    @property
    def address(self) -> str:
        """Where the page is."""
        return self._chromium.current_url

    def open(self, address: str) -> None:
        """Go somewhere."""
        self._chromium.get(address)

    def reload(self) -> None:
        """What F5 does."""
        self._chromium.refresh()

    def click(self, xpath: str) -> None:
        """Click on the element at `xpath` when it is there and stands still."""
        place: list[object] = [None]

        def clicked(_: Chrome) -> bool:
            element = self._chromium.find_element(By.XPATH, xpath)
            before, place[0] = place[0], (element.id, element.rect)
            if place[0] != before or not element.is_enabled():
                return False
            element.click()
            return True

        self._wait.until(clicked, f"cannot be clicked: {xpath}")

    def choose(self, label: str, choice: str) -> None:
        """Choose from a drop-down."""
        self.click(f"//button[@aria-label='Select {label}']")
        self.click(f"//*[@role='option'][normalize-space()='{choice}']")

    def choose_kind(self, label: str, kind: str) -> None:
        """Choose which kind of value a field has."""
        of_field = f"//fieldset[..//label[starts-with(., '{label} ')]]"
        self.click(f"{of_field}//button[@role='tab'][normalize-space()='{kind}']")

    def replace_number(self, label: str, text: str) -> str:
        """Type over what a field for a number holds, and return what is wrong with it then."""
        field = self._field(label)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)
        return str(field.get_property("validationMessage"))

    def switch(self, label: str) -> None:
        """Turn a switch on that is off, or off that is on."""
        self._field(label).click()

    def replace_json(self, label: str, text: str) -> None:
        """Type over what a JSON editor holds."""
        self.click(f"//fieldset[..//label[starts-with(., '{label} ')]]//*[@contenteditable='true']")
        # Deleted first: the editor would put the braces around what is selected.
        keys = ActionChains(self._chromium)
        keys.key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).send_keys(Keys.DELETE)
        keys.send_keys(text).perform()

    def _field(self, label: str) -> WebElement:
        """What a label is for, once it is there."""
        named = f"//label[starts-with(., '{label} ')]"
        found = self._wait.until(lambda chromium: chromium.find_element(By.XPATH, named))
        return self._chromium.find_element(By.ID, str(found.get_attribute("for")))

    def wait_for_lines(self, *lines: str) -> None:
        """Wait until each of `lines` stands on the page."""

        def all_shown(_: Chrome) -> bool:
            shown = self._chromium.find_element(By.TAG_NAME, "main").text.splitlines()
            return all(line in shown for line in lines)

        self._wait.until(all_shown, f"not all on the page: {lines}")

    def wait_for_either(self, *texts: str) -> str:
        """Wait until one of `texts` is on the page, and return it."""

        def shown(_: Chrome) -> str:
            page = self._chromium.find_element(By.TAG_NAME, "body").text
            return next((text for text in texts if text in page), "")

        return self._wait.until(shown, f"none is on the page: {texts}")

    def wait_until_gone(self, text: str) -> None:
        """Wait until `text` is no longer on the page."""
        self._wait.until(
            lambda _: text not in self._chromium.find_element(By.TAG_NAME, "body").text
        )

    def scroll_to(self, xpath: str) -> None:
        """Have the element at `xpath` at the top of what is seen."""
        element = self._wait.until(lambda chromium: chromium.find_element(By.XPATH, xpath))
        self._chromium.execute_script("arguments[0].scrollIntoView()", element)

    def wait_until_still(self) -> None:
        """Wait until the page looks the same twice in a row: what moves on it has arrived."""
        before = [b""]

        def still(chromium: Chrome) -> bool:
            last, before[0] = before[0], chromium.get_screenshot_as_png()
            return last == before[0]

        WebDriverWait(self._chromium, PATIENCE, 1.0).until(still, "the page never comes to rest")
