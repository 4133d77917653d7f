"""Records of one person or company become one, every reference follows, and what was merged is written down."""

import shutil
from pathlib import Path

import duckdb
import pytest

from data.contract import CONTRACT, TABLES
from data.identity.match_keys import company_key, domain_key, email_key, legal_form, person_key
from data.identity.resolve import resolve
from data.lake import Lake, Step
from tests.data.literal import ROSE, Rows, order, rows, step


def resolved(root: Path, tables: Rows) -> Step:
    """The finished ``resolve`` step of a literal clean CRM."""
    clean = step(root, "validate", tables)
    with Lake(root).write_step("run", "resolve") as draft:
        resolve(clean, draft)
    return Lake(root).step("run", "resolve")


OLD = {"account_id": "A2", "name": "Acme Ltd", "domain": "acme.com", "created_at": "2023-01-01", "region": "North"}
NEW = {
    "account_id": "A1",
    "name": "ACME Limited",
    "domain": "https://www.ACME.com/",
    "created_at": "2023-05-01",
    "region": "South",
    "industry": "Tools",
    "owner_id": "W",
}
ANN = {"contact_id": "C1", "account_id": "A1", "email": " Ann@Acme.com", "created_at": "2023-06-01"}
ANN_AGAIN = {"contact_id": "C2", "email": "ann@acme.com ", "phone": "123", "created_at": "2023-07-01"}


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Step:
    """A company entered twice, a person entered twice, and rows of every table that refer to them."""
    account, person_, instant = {"account_id": "A1"}, {"contact_id": "C2"}, "2024-01-05"
    consent = {"channel": "email", "purpose": "marketing", "recorded_at": "2024-01-01"}
    used = {"product_id": "P", "day": "2024-02-01"}
    return resolved(
        tmp_path_factory.mktemp("golden"),
        {
            "accounts": [
                NEW,
                OLD,
                {"account_id": "B", "name": "Acme Group", "domain": "acme.com", "parent_account_id": "A1"},
                {"account_id": "D", "name": "Acme Ltd", "domain": "acme.com", "parent_account_id": "A2"},
            ],
            "contacts": [ANN, ANN_AGAIN, {"contact_id": "C3", "account_id": "B", "email": "bob@acme.com"}],
            "products": [ROSE],
            "orders": [
                order("1", account_id="A1", contact_id="C2"),
                order("2", account_id="A2"),
                order("3", account_id="B"),
            ],
            "consents": [
                consent | {"contact_id": "C1", "status": "granted"},
                consent | {"contact_id": "C2", "status": "withdrawn"},
                consent | {"contact_id": "C3", "status": "granted"},
            ],
            "subscriptions": [account | {"subscription_id": "S", "mrr": 9, "started_at": instant}],
            "opportunities": [account | {"opportunity_id": "O", "created_at": instant}],
            "touches": [person_ | {"touch_id": "T", "kind": "sent", "happened_at": instant}],
            "activities": [account | person_ | {"activity_id": "V", "kind": "call", "happened_at": instant}],
            "tickets": [account | person_ | {"ticket_id": "K", "opened_at": instant}],
            "usage": [
                used | {"account_id": "A1", "active_users": 2, "events": 10},
                used | {"account_id": "A2", "active_users": 1, "events": 5},
                used | {"account_id": "B", "active_users": None, "events": 7},
            ],
            "invoices": [account | {"invoice_id": "I", "amount": 9, "issued_at": instant}],
            "responses": [
                {"action_id": "2024-01-01:A1:renewal_call", "responded_at": instant, "response": "overridden"},
                {"action_id": "2024-01-01:B:wait", "responded_at": instant, "response": "done"},
            ],
        },
    )


def test_the_record_created_first_wins_and_its_missing_values_are_filled(golden: Step) -> None:
    assert rows(golden, "accounts", "account_id", "name", "region", "industry", "owner_id") == [
        ("A2", "Acme Ltd", "North", "Tools", "W"),
        ("B", "Acme Group", None, None, None),
        ("D", "Acme Ltd", None, None, None),
    ]
    assert rows(golden, "contacts", "contact_id", "account_id", "email", "phone") == [
        ("C1", "A2", " Ann@Acme.com", "123"),
        ("C3", "B", "bob@acme.com", None),
    ]


def test_a_subsidiary_of_the_same_name_is_not_merged(golden: Step) -> None:
    assert rows(golden, "accounts", "account_id", "parent_account_id") == [("A2", None), ("B", "A2"), ("D", "A2")]


def test_every_merge_is_recorded_with_its_evidence(golden: Step) -> None:
    assert rows(golden, "merges", "entity", "loser_id", "winner_id", "rule", "evidence") == [
        ("account", "A1", "A2", "equal domain and name", "acme.com: ACME Limited = acme.com: Acme Ltd"),
        ("contact", "C2", "C1", "equal e-mail address", "ann@acme.com = Ann@Acme.com"),
    ]


def test_every_reference_in_every_table_follows_the_winner(golden: Step) -> None:
    lost = {"accounts": "A1", "contacts": "C2"}
    checked = 0
    for table in CONTRACT:
        for column in table.columns:
            if column.references in lost:
                checked += golden.rows(table.name)
                assert lost[column.references] not in rows(golden, table.name, column.name), (table.name, column.name)
    assert checked > 20
    assert rows(golden, "orders", "account_id", "contact_id") == [("A2", "C1"), ("A2", None), ("B", None)]


def test_rows_that_share_a_key_after_merging_become_one(golden: Step) -> None:
    assert rows(golden, "usage", "account_id", "active_users", "events") == [("A2", 3.0, 15.0), ("B", None, 7.0)]
    assert rows(golden, "consents", "contact_id", "status") == [("C1", "withdrawn"), ("C3", "granted")]
    for table in CONTRACT:
        key = ", ".join(table.key)
        again = f"SELECT {key} FROM read_parquet('{golden.path(table.name)}') GROUP BY ALL HAVING count(*) > 1"
        assert not duckdb.sql(again).fetchall(), table.name


def test_a_response_follows_the_account_of_its_action(golden: Step) -> None:
    assert rows(golden, "responses", "action_id") == ["2024-01-01:A2:renewal_call", "2024-01-01:B:wait"]


def test_golden_tables_have_the_contracts_columns_and_types(golden: Step) -> None:
    for table in CONTRACT:
        described = duckdb.sql(f"DESCRIBE FROM read_parquet('{golden.path(table.name)}')").fetchall()
        assert {column: kind for column, kind, *_ in described} == TABLES[table.name].types()


def test_a_merged_record_is_known_as_soon_as_any_of_them_was(tmp_path: Path) -> None:
    late, early = ANN | {"known_at": "2023-09-01"}, ANN_AGAIN | {"known_at": "2023-08-01"}
    done = resolved(tmp_path, {"contacts": [late, early]})
    assert [str(instant) for instant in rows(done, "contacts", "known_at")] == ["2023-08-01 00:00:00"]
    assert [str(instant) for instant in rows(done, "contacts", "created_at")] == ["2023-06-01 00:00:00"]


def test_records_without_a_date_lose_and_of_equal_ones_the_smallest_id_wins(tmp_path: Path) -> None:
    people = [{"contact_id": name, "email": "x@y.com"} for name in ("C9", "C3", "C5")]
    done = resolved(
        tmp_path, {"contacts": [*people, {"contact_id": "C7", "email": "X@Y.com", "created_at": "2024-01-01"}]}
    )
    assert rows(done, "merges", "loser_id", "winner_id") == [("C3", "C7"), ("C5", "C7"), ("C9", "C7")]
    shutil.rmtree(tmp_path / "run")
    assert rows(resolved(tmp_path, {"contacts": people}), "contacts", "contact_id") == ["C3"]


def test_shared_domains_shared_mailboxes_and_placeholders_are_not_merged(tmp_path: Path) -> None:
    done = resolved(
        tmp_path,
        {
            "accounts": [
                {"account_id": "A", "name": "Rose", "domain": "gmail.com"},
                {"account_id": "B", "name": "Rose", "domain": "Gmail.com"},
                {"account_id": "C", "name": "Lily GmbH", "domain": "lily.com"},
                {"account_id": "D", "name": "Lily Ltd", "domain": "lily.com"},
                {"account_id": "E", "name": None, "domain": "tulip.com"},
                {"account_id": "F", "name": "", "domain": "tulip.com"},
                {"account_id": "G", "name": "Fern"},
                {"account_id": "H", "name": "Fern"},
            ],
            "contacts": [
                {"contact_id": "1", "email": "info@rose.com", "first_name": "Ann", "last_name": "Lee"},
                {"contact_id": "2", "email": "Info@rose.com", "first_name": "Bob", "last_name": "Ray"},
                {"contact_id": "3"},
                {"contact_id": "4"},
                {"contact_id": "5", "email": "n/a"},
                {"contact_id": "6", "email": "n/a"},
                *({"contact_id": f"x{n}", "email": "nobody@nowhere.com"} for n in range(11)),
            ],
        },
    )
    assert rows(done, "merges", "loser_id") == []
    assert (done.rows("accounts"), done.rows("contacts")) == (8, 17)


def test_tables_without_merges_are_linked_and_not_rewritten(tmp_path: Path) -> None:
    done = resolved(tmp_path, {"accounts": [OLD], "contacts": [ANN]})
    assert done.path("accounts").samefile(tmp_path / "run" / "validate" / "accounts.parquet")


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    people = [{"contact_id": str(n), "email": f"p{n % 40}@y.com", "phone": str(n)} for n in range(100)]
    first, second = (resolved(tmp_path / name, {"contacts": people}) for name in "ab")
    for table in first.tables:
        assert first.path(table).read_bytes() == second.path(table).read_bytes(), table


def value_of(expression: str, *values: str | None) -> object:
    """What DuckDB makes of an expression of literal values, named a, b and c."""
    names = ", ".join("abc"[: len(values)])
    question = f"SELECT {expression} FROM (VALUES ({', '.join('?' * len(values))})) AS given({names})"
    return duckdb.execute(question, list(values)).fetchall()[0][0]


@pytest.mark.parametrize(
    ("name", "words", "legal"),
    [
        ("Acme, Inc.", "acme", "inc"),
        ("ACME Incorporated", "acme", "inc"),
        ("Acme", "acme", None),
        ("İş Makine A.Ş.", "is makine", "as"),
        ("IS MAKINE AS", "is makine", "as"),
        ("Müller GmbH & Co. KG", "muller", "gmbh and co kg"),
        ("Yıldız Limited Şirketi", "yildiz", "ltd sti"),
        ("O'Neil & Sons", "oneil and sons", None),
        ("Limited", "ltd", None),
        ("東京 KK", "東京", "kk"),
        ("...", None, None),
        (None, None, None),
    ],
)
def test_a_companys_name_is_split_into_words_and_legal_form(
    name: str | None, words: str | None, legal: str | None
) -> None:
    assert (value_of(company_key("a"), name), value_of(legal_form("a"), name)) == (words, legal)


@pytest.mark.parametrize(
    ("given", "bare"),
    [
        ("https://www.Acme.com/about?x", "acme.com"),
        ("acme.com.", "acme.com"),
        (" www2.acme.co.uk:80", "acme.co.uk"),
        ("ann@acme.com", "acme.com"),
        ("hotmail.com", None),
        ("localhost", None),
        ("", None),
        (None, None),
    ],
)
def test_a_domain_key_is_the_bare_domain_of_one_company(given: str | None, bare: str | None) -> None:
    assert value_of(domain_key("a"), given) == bare


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (" Ann@X.com ", "ann@x.com"),
        ("mailto:ann@x.com", "ann@x.com"),
        ("ann+news@x.com", "ann+news@x.com"),
        ("a@x.com; b@x.com", None),
        ("ann@x", None),
        ("n/a", None),
        (None, None),
    ],
)
def test_an_email_key_is_the_normalized_address_or_null(given: str | None, plain: str | None) -> None:
    assert value_of(email_key("a"), given) == plain


def test_the_key_of_a_shared_mailbox_includes_the_name() -> None:
    key = person_key("a", "b", "c")
    assert (
        value_of(key, "INFO@x.com", "Ann", "Lée") == value_of(key, "info@x.com", "ann", "Lee") == "info@x.com ann lee"
    )
    assert value_of(key, "ann@x.com", "Ann", "Lee") == value_of(key, "ann@x.com", None, None) == "ann@x.com"
