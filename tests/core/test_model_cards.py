"""Model cards: generated, written, kept where MLflow's own page shows them, and never more than text."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest

from jupyter_mlplat.errors import Invalid, Stale
from jupyter_mlplat.models import ModelCard
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.services.runs.versions import card_revision
from jupyter_mlplat.services.runs.versions.card_text import sections_in, text
from jupyter_mlplat.services.runs.versions.cards import MARK, MOST_DESCRIPTION, WHOLE

from ..registered import deploy, register
from ..shell import here

EVIL = "</h1><script>alert(1)</script> | a \\| b `c` *d* _e_ [x](javascript:alert(1)) ![y](z) <img src=x> $x$ ~~s~~"


@pytest.fixture
def client(platform: Platform) -> Any:
    """MLflow's own client of a registry with a version whose files are not there."""
    client = platform.runs.client()
    client.create_registered_model("churn")
    client.create_model_version("churn", "/nowhere")
    return client


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs).get("class") == "anchor-link"  # nbconvert's own, of headings
        self.found += [] if own else [tag]

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(markdown: str) -> Tags:
    """The card as a page, by the renderer of nbconvert, which lets raw HTML through."""
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    tags = Tags()
    tags.feed(markdown2html_mistune(markdown))
    return tags


def test_a_card_is_generated_from_what_is_known(platform: Platform) -> None:
    run = register(platform, parameters={"C": 1.0, "solver": "lbfgs"})
    platform.runs.aliases.set("churn", "champion", "1", by="ada")
    deploy(platform, "live", "1")
    platform.runs.client().update_registered_model("churn", "Who leaves within a month.")
    card = platform.runs.versions.cards.get("churn", "1")
    assert (card.name, card.version, card.generated, card.edited_by, card.edited_at) == ("churn", "1", True, None, None)
    for line in (
        "# churn, version 1", "Who leaves within a month.", "- **Aliases:** @champion", "| auc | 0.93 |",
        "| C | 1.0 |", "| input | age | double |  | yes |", "| output |  | int64 | (-1) | yes |", "- numpy",
        "- **Served by:** live (ready, 100 %)", "## Intended use", "## Limitations", "## Ethical considerations",
    ):  # fmt: skip
        assert line in card.markdown.splitlines(), line
    assert f"({run}) of Default, FINISHED" in card.markdown
    data: Any = card.data
    assert (data["model"], data["version"], data["aliases"], data["run"]["id"]) == ("churn", "1", ["champion"], run)
    assert (data["metrics"]["auc"], data["parameters"]["solver"]) == (0.93, "lbfgs")
    assert data["datasets"][0]["digest"] in card.markdown
    assert data["signature"]["inputs"][0] == {"name": "age", "type": "double", "required": True, "shape": None}
    assert data["sections"] == {"intended_use": "", "limitations": "", "ethical_considerations": ""}
    assert data["logged_by"]
    json.dumps(card.model_dump(mode="json"), allow_nan=False)


def test_hostile_names_are_text_in_it(platform: Platform) -> None:
    name = EVIL.replace("/", "").replace(":", "")
    register(
        platform, name, parameters={"note": EVIL, "two\nlines".replace("\n", " "): "a\nb\n\n# heading\n| x | y |"},
        tags={"mlflow.source.name": EVIL, "mlflow.source.git.branch": EVIL},
    )  # fmt: skip
    platform.runs.client().update_registered_model(name, EVIL)
    card = platform.runs.versions.cards.get(name, "1")
    found = rendered(card.markdown)
    assert not {"script", "img", "a", "code", "del"} & {*found.found}
    assert found.found.count("h1") == 1
    assert "<script>" in found.text  # as text
    rows = [line for line in card.markdown.splitlines() if line.startswith("| note")]
    assert len(rows) == 1
    assert rows[0].replace("\\\\", "").replace("\\|", "").count("|") == 3
    assert [line for line in card.markdown.splitlines() if line.startswith("# ")] == [f"# {text(name)}, version 1"]


def test_what_is_written_is_mlflows_description(platform: Platform, client: Any) -> None:
    cards = platform.runs.versions.cards
    before = platform.store.last_change()
    card = cards.write("churn", "1", "# Mine\n\n## Intended use\n\nFor **us**.\n\n## Limitations\n\n", by="ada")
    assert (card.generated, card.edited_by) == (False, "ada")
    assert card.edited_at is not None
    assert card.markdown.startswith("# Mine\n\n## Intended use")
    assert card.data["sections"] == {"intended_use": "For **us**.", "limitations": "", "ethical_considerations": ""}
    assert {one.topic for one in platform.store.changes_after(before) if one.id > before} == {"runs"}
    assert client.get_model_version("churn", "1").description == card.markdown
    assert platform.runs.versions.get("churn", "1").description == card.markdown
    client.update_model_version("churn", "1", "Written in MLflow.")
    card = cards.get("churn", "1")
    assert (card.markdown, card.generated, card.edited_by, card.edited_at) == ("Written in MLflow.", False, None, None)
    card = cards.write("churn", "1", " \n", by="bob")
    assert (card.generated, card.edited_by) == (True, None)
    found = client.get_model_version("churn", "1")
    assert (found.description or "", found.tags) == ("", {})


def test_a_long_card_is_whole_and_mlflow_shows_its_beginning(platform: Platform, client: Any) -> None:
    cards = platform.runs.versions.cards
    long = "".join(f"line {number} ☃\n" for number in range(5000))
    assert cards.write("churn", "1", long, by="ada").markdown == long
    found = client.get_model_version("churn", "1")
    assert len(found.description) <= MOST_DESCRIPTION
    assert found.description.startswith("line 0 ☃\nline 1 ☃\n")
    assert "mlplat.card_text" in found.description
    client.update_model_version("churn", "1", found.description + " and more")
    assert cards.get("churn", "1").markdown.endswith(" and more")
    assert len(cards.write("churn", "1", "x" * 100_000, by="ada").markdown) == 100_000
    with pytest.raises(Invalid) as error:
        cards.write("churn", "1", "x" * 100_001, by="ada")
    assert error.value.fields == {"markdown": "too long"}
    assert cards.write("churn", "1", "short", by="ada").markdown == "short"
    assert WHOLE not in client.get_model_version("churn", "1").tags


def test_whoever_comes_second_is_told(platform: Platform, client: Any) -> None:
    cards = platform.runs.versions.cards
    seen = card_revision(cards.get("churn", "1"))
    client.log_metric(client.create_run("0").info.run_id, "x", 1.0)
    card = cards.write("churn", "1", "one", by="ada", revision=seen)
    with pytest.raises(Stale, match="was changed in between"):
        cards.write("churn", "1", "two", by="bob", revision=seen)
    assert cards.get("churn", "1") == card
    client.update_model_version("churn", "1", "three")
    with pytest.raises(Stale):
        cards.write("churn", "1", "two", by="bob", revision=card_revision(card))
    assert cards.write("churn", "1", "two", by="bob", revision=card_revision(cards.get("churn", "1"))).markdown == "two"


@pytest.mark.parametrize("mark", ["{", "[]", "3", "{}", '{"of": "OF"}', '{"of": "OF", "by": 3, "at": "never"}'])
def test_a_mark_that_others_wrote_names_nobody(platform: Platform, client: Any, mark: str) -> None:
    cards = platform.runs.versions.cards
    cards.write("churn", "1", "words", by="ada")
    of = json.loads(client.get_model_version("churn", "1").tags[MARK])["of"]
    client.set_model_version_tag("churn", "1", MARK, mark.replace("OF", of))
    card: ModelCard = cards.get("churn", "1")
    assert (card.markdown, card.generated, card.edited_by) == ("words", False, None)


def test_sections_are_found_under_their_headings() -> None:
    found = sections_in("# x\nIntended use\n### LIMITATIONS ##\r\n\nmany\n\n- of them\n## Other\nno\n##Intended use\n")
    assert found == {"intended_use": "", "limitations": "many\n\n- of them", "ethical_considerations": ""}
    assert text(0.1 + 0.2) == "0.3"
    assert text("a\x00\u202eb\nc") == "a b c"
    assert len(text("x" * 1000)) == 301


def test_the_shell_prints_writes_and_resets(platform: Platform, client: Any, tmp_path: Any) -> None:
    printed = here("models", "card", "churn", "1").stdout
    assert printed.startswith("# churn, version 1\n")
    (tmp_path / "card.md").write_text("# Mine ☃\n")
    assert here("models", "card", "churn", "1", "--edit", str(tmp_path / "card.md")).stdout == "# Mine ☃\n"
    said = json.loads(here("models", "card", "churn", "1", "--json").stdout)
    assert (said["markdown"], said["generated"], said["data"]["model"]) == ("# Mine ☃\n", False, "churn")
    assert here("models", "card", "churn", "1", "--reset").stdout == printed
    for words in (
        ["--edit", "/no such file"],
        ["--edit", "/dev/null"],
        ["--edit", "x", "--reset"],
        ["--edit", "/bin/ls"],
    ):
        done = here("models", "card", "churn", "1", *words)
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 2), words
