"""A release from Python is the release of the command line."""

import html.parser
import json
import shutil
from pathlib import Path

import polars as pl
import pytest

import tactful
from tactful import _html


def test_a_run_publishes_what_load_release_reads(release: tactful.Release, shop: Path) -> None:
    loaded = tactful.load_release(release.path)
    assert loaded.to_dict() == release.to_dict() == json.loads((Path(release.path) / "release.json").read_text())
    assert release.manifest_sha256 and not release.repeated and release.report.exists()
    assert release.simulated and release.population == "corner-shop"


def test_frames_and_dicts_hold_the_same(release: tactful.Release) -> None:
    assert isinstance(release.segments, pl.DataFrame)
    for frame, dicts in (
        (release.segments, release.segments_to_dicts()),
        (release.categories, release.categories_to_dicts()),
        (release.features, release.features_to_dicts()),
        (release.receipt, release.receipt_to_dicts()),
        (release.promotions, release.promotions_to_dicts()),
    ):
        assert frame.to_dicts() == dicts
    assert len(release.segments) >= 1 and {"segment", "label", "size", "size_lower", "share_upper"} <= set(release.segments.columns)
    assert release.receipt["rho_nano"].sum() <= release.privacy["rho_nano"]
    assert release.categories["group"].unique().sort().to_list() == ["bread", "pets", "tools"]


def test_to_dict_is_a_copy(release: tactful.Release) -> None:
    release.to_dict()["segments"].clear()
    assert release.to_dict()["segments"]


class Strict(html.parser.HTMLParser):
    """Notes every element and attribute, and that all are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(text: str) -> Strict:
    parser = Strict()
    parser.feed(text)
    parser.close()
    assert not parser.open
    return parser


def test_cards_are_html_without_scripts_requests_or_colours_of_their_own(release: tactful.Release) -> None:
    text = release._repr_html_()
    seen = read(text)
    assert "section" in seen.names and not seen.names & {"script", "style", "img", "link", "iframe", "a"}
    assert not {name for name in seen.attributes if name.startswith("on")} and "http" not in text and "url(" not in text
    assert "SIMULATED" in text and "#" not in text.replace("&#", "")


def test_names_from_files_are_escaped_in_cards(release: tactful.Release) -> None:
    value = release.to_dict()
    evil = "</section><script>alert(1)</script><b onclick='x'>\u202e\x00"
    value["population"] = evil
    value["notes"] = [evil]
    for segment in value["segments"]:
        segment["label"] = evil
        segment["promotions_fit"] = [{"title": evil, "reason": evil}]
    for group in value["groups"]:
        group["label"] = evil
    text = _html.cards(value)
    seen = read(text)
    assert not seen.names & {"script", "b onclick"} and "onclick" not in seen.attributes
    assert "\u202e" not in text and "\x00" not in text


def test_cards_as_text_are_those_of_the_command_line(release: tactful.Release) -> None:
    assert "SIMULATED" in str(release).upper() and "Pets" in str(release)
    assert repr(release).startswith("<tactful.Release 'corner-shop': SIMULATED, ")


def test_a_changed_release_is_refused(shop: Path, release: tactful.Release, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(release.path, copy)
    text = (copy / "release.json").read_text()
    (copy / "release.json").write_text(text.replace("corner-shop", "corner-shoq"))
    with pytest.raises(tactful.DataError):
        tactful.load_release(copy)
    with pytest.raises(tactful.DataError):
        tactful.load_release(tmp_path)


def test_a_request_is_answered_once(shop: Path, tmp_path: Path) -> None:
    first = tactful.run(shop / "shop.toml", tmp_path / "one", ledger=tmp_path / "ledger", request_id="night 1")
    again = tactful.run(shop / "shop.toml", tmp_path / "two", ledger=tmp_path / "ledger", request_id="night 1")
    assert again.repeated and not first.repeated and again.to_dict() == first.to_dict()


def test_a_run_tells_its_steps_and_nothing_of_the_data(shop: Path, tmp_path: Path) -> None:
    heard: list[tuple[int, int, str]] = []
    tactful.run(shop / "shop.toml", tmp_path / "out", ledger=tmp_path / "ledger", progress=lambda *said: heard.append(said))
    assert [position for position, _, _ in heard] == list(range(1, 9))
    assert not any(character.isdigit() for _, _, text in heard for character in text)


def test_plan_and_check_read_no_purchase_and_make_no_ledger(shop: Path, tmp_path: Path) -> None:
    found = tactful.check(shop / "shop.toml", ledger=tmp_path / "ledger")
    assert found["sound"] and [file["role"] for file in found["files"]] == ["transactions"]
    planned = tactful.plan(shop / "shop.toml", 5000, ledger=tmp_path / "ledger")
    assert planned["forecast"]["customers"] == 5000 and planned["epsilon"] == 2.0 and planned["releases_left"] >= 1
    assert "<table>" in planned._repr_html_()  # type: ignore[attr-defined]
    assert not (tmp_path / "ledger").exists()


def test_a_plan_goes_from_how_exact_a_release_is_to_be_to_its_budget(shop: Path, tmp_path: Path) -> None:
    asked = {"ledger": tmp_path / "ledger"}
    loose, tight = (tactful.plan(shop / "shop.toml", 5000, target=target, **asked) for target in ("size error 20%", ["size error 5%", "segments 2"]))
    assert 0 < loose["plan"]["epsilon"] < tight["plan"]["epsilon"] and "[privacy]" in tight["spec_lines"]
    missed = tactful.plan(shop / "shop.toml", 100, target="size error 0.1%", epsilon_max=1.0, **asked)
    assert missed["plan"]["epsilon"] is None and missed["spec_lines"] is None
    with pytest.raises(tactful.Error):
        tactful.plan(shop / "shop.toml", 5000, target="beauty 3", **asked)
    heard: list[int] = []
    tactful.plan(shop / "shop.toml", 2000, target="centroid error 0.2", progress=heard.append, **asked)
    assert heard and heard == sorted(heard)
    with pytest.raises(tactful.Interrupted):

        def stop(releases: int) -> None:
            raise KeyboardInterrupt

        tactful.plan(shop / "shop.toml", 2000, target="centroid error 0.2", progress=stop, **asked)
    assert not (tmp_path / "ledger").exists()


def test_a_plan_may_be_made_with_the_customers_of_a_simulated_shop_and_of_no_other(shop: Path, tmp_path: Path) -> None:
    asked = {"target": "centroid error 0.2", "own": True, "ledger": tmp_path / "ledger"}
    planned = tactful.plan(shop / "shop.toml", 2000, **asked)
    assert planned["plan"]["simulated"]["spread"] is None and planned["plan"]["epsilon"] > 0
    private = tmp_path / "private.toml"
    private.write_text((shop / "shop.toml").read_text().replace('origin = "simulated"', 'origin = "first_party"'))
    with pytest.raises(tactful.PolicyError) as refused:
        tactful.plan(private, 2000, data=tmp_path / "nowhere", **asked)
    assert refused.value.code == "policy.not-simulated"
    with pytest.raises(tactful.UsageError):
        tactful.plan(shop / "shop.toml", 2000, own=True)


@pytest.mark.parametrize("violated", [False, True])
def test_an_audit_that_refutes_a_claim_is_an_error(monkeypatch: pytest.MonkeyPatch, violated: bool) -> None:
    finding = {"claim": "count <b>", "attack": "game", "trials": 9, "claimed_epsilon": 1.0, "proven_epsilon": 2.0, "violated": violated}
    answer = json.dumps({"confidence": 0.9999, "violated": violated, "findings": [finding]})
    monkeypatch.setattr("tactful._tactful.audit", lambda *_, **__: answer)
    if violated:
        with pytest.raises(tactful.AuditError) as caught:
            tactful.audit()
        found = caught.value.audit
    else:
        found = tactful.audit()
    assert isinstance(found, tactful.Audit) and found.findings == [finding] and "count &lt;b&gt;" in found._repr_html_()


def test_an_audit_that_is_stopped_says_that_nothing_is_spent() -> None:
    def progress(claim: str, attack: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(tactful.Interrupted) as caught:
        tactful.audit(seconds=3600, progress=progress)
    assert not caught.value.spent


def test_a_card_shows_a_few_promotions_and_says_how_many_more(release: tactful.Release) -> None:
    value = release.to_dict()
    value["segments"][0]["promotions_fit"] = [{"title": f"offer {number}", "reason": "why"} for number in range(200)]
    text = _html.cards(value)
    assert text.count("offer ") == 5 and "and 195 more in .promotions" in text
