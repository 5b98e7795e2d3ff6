"""What only the registry knows, completed; and silence when it is away."""

from click.shell_completion import ShellComplete

from muster.cli.entry import root
from muster.testing import FakeRegistry


def completed(*typed: str, incomplete: str) -> list[str]:
    shell = ShellComplete(root, {}, "muster", "_MUSTER_COMPLETE")
    return [item.value for item in shell.get_completions(list(typed), incomplete)]


def test_verbs_and_options() -> None:
    assert completed(incomplete="res") == ["resolve", "restore"]
    assert completed("drain", incomplete="--wa") == ["--wait"]


def test_services_and_ids() -> None:
    with FakeRegistry() as registry:
        registry.add("web", port=80, id="web-1")
        registry.add("api", port=81, id="api-1")
        assert completed("resolve", "--url", registry.url, incomplete="w") == ["web"]
        assert sorted(completed("drain", "--url", registry.url, incomplete="")) == ["api-1", "web-1"]


def test_without_a_registry_there_is_nothing_to_complete() -> None:
    assert completed("drain", "--url", "http://127.0.0.1:1", incomplete="") == []
    assert completed("drain", "--url", "nonsense", incomplete="") == []
