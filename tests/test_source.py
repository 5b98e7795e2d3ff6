"""The tests about the source see what is there."""

from tests.source import SOURCE, Module, modules


def test_relative_imports_are_made_absolute() -> None:
    assert set(Module(SOURCE / "model" / "names.py").imports()) >= {
        "muster.model.limits",
        "muster.model.errors.invalid",
    }


def test_an_import_for_types_is_told_apart() -> None:
    facade = Module(SOURCE / "__init__.py")
    assert "muster.client.Discovery" in set(facade.imports())
    assert "muster.client.Discovery" not in set(facade.imports(types_too=False))


def test_modules_know_their_folder() -> None:
    assert {"", "model", "server"} <= {module.folder for module in modules()}
