"""Elements as text."""

from athanor.engine.profile_page.html import Html, element, joined


def test_text_is_escaped_and_elements_are_not():
    assert element("p", "1 < 2 & 3", element("b", "x")) == "<p>1 &lt; 2 &amp; 3<b>x</b></p>"


def test_attributes_are_escaped_and_spelled_with_dashes():
    assert element("a", href='"><b>', aria_label="it's", class_="k") == (
        '<a href="&quot;&gt;&lt;b&gt;" aria-label="it&#x27;s" class="k"></a>'
    )


def test_what_is_none_is_left_out():
    assert element("p", None, "a", title=None) == "<p>a</p>"


def test_void_elements_have_no_end():
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'


def test_what_is_joined_is_html():
    assert isinstance(joined("a", "<"), Html)
    assert joined("a", "<", Html("<b>")) == "a&lt;<b>"
