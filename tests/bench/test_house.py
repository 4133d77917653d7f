"""The measures of the code itself: right on small trees whose answer is known, and within their limits on this one."""

from pathlib import Path

import pytest

from bench.house import MANY_PARAMETERS, MAX_FILES, ROOT, Module, import_circles, read_modules

MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_PARAMETERS = 400, 60, 6


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    return read_modules(ROOT)


def tree(folder: Path, **files: str) -> list[Module]:
    """The modules of a tree with one file per argument: ``data_source`` is ``data/source.py``."""
    for name, text in files.items():
        path = folder.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return read_modules(folder)


def test_files_that_import_one_another_are_a_circle(tmp_path):
    modules = tree(
        tmp_path,
        data__a="from data import b",
        data__b="def use():\n    import data.c",
        data__c="import data.a",
        data__d="import data.a",
    )
    assert import_circles(modules) == [["data.a", "data.b", "data.c"]]


def test_a_package_that_imports_its_files_is_a_circle_with_those_that_import_the_package(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("from models.churn import CHURN", encoding="utf-8")
    modules = tree(tmp_path, models__churn="from models import MODELS", models__win="import json")
    assert import_circles(modules) == [["models.__init__", "models.churn"]]


def test_parameters_are_counted_without_self_and_commands_and_constructors_are_exempt(tmp_path):
    (module,) = tree(
        tmp_path,
        app__cli="class A:\n"
        "    def __init__(self, a, b, c): ...\n"
        "    def fit(self, x, *, y=1): ...\n"
        "@app.command()\n"
        "def show(a, b, c, d, e, f, g): ...\n",
    )
    assert {function.name: function.parameters for function in module.functions} == {
        "app.cli.A.__init__": 0,
        "app.cli.A.fit": 2,
        "app.cli.show": 0,
    }
    assert {function.name: function.lines for function in module.functions}["app.cli.A.fit"] == 1


def test_old_words_are_counted_as_parts_of_identifiers_only(tmp_path):
    text = '"""told"""\nwhat_was_said = 1\nJudgedLives = what_was_said  # came\nsaid_text = "heard"\n'
    (module,) = tree(tmp_path, data__words=text)
    assert module.old_words == {"said": 3, "judged": 1, "lives": 1}


def test_no_file_of_the_product_is_in_an_import_circle(modules):
    assert import_circles(modules) == []


def test_files_functions_and_parameters_stay_small(modules):
    functions = [function for module in modules for function in module.functions]
    assert [module.name for module in modules if module.lines > MAX_FILE_LINES] == []
    assert [function.name for function in functions if function.lines > MAX_FUNCTION_LINES] == []
    many = {function.name for function in functions if function.parameters > MAX_PARAMETERS}
    assert many == set(MANY_PARAMETERS), "more parameters need a reason there, and a reason a function"


def test_the_old_vocabulary_does_not_return(modules):
    words = {module.name: dict(module.old_words) for module in modules if module.old_words}
    assert sum(sum(counts.values()) for counts in words.values()) <= 10, words


def test_a_room_holds_few_files(modules):
    folders = [module.path.parent for module in modules]
    crowded = {str(folder) for folder in set(folders) if folders.count(folder) > MAX_FILES}
    assert crowded <= {"data/demo"}, "the simulator has one file per contract table and planted fault"
