"""The layers of the house: imports point down only, and what is pure stays pure.

top      cli  server  testing
edges    httpapi peers  consul  eureka  nameserver  xds  vip  storage  probe  trust  dashboard  integrations    (strangers to each other)
web
shells   registry  client  observe
pure     core  policy  wire
model
"""

import subprocess
import sys
from collections.abc import Iterator

from tests.source import Module, expect_none, folders, is_stdlib, modules

LAYERS = [
    ["model"],
    ["core", "policy", "wire"],
    ["registry", "client", "observe"],
    ["web"],
    [
        *(
            "httpapi",
            "consul",
            "eureka",
            "nameserver",
            "xds",
            "vip",
            "storage",
            "probe",
            "trust",
            "peers",
            "dashboard",
        ),
        "integrations",
    ],
    ["cli", "server", "testing"],
]
HEIGHT = {folder: height for height, layer in enumerate(LAYERS) for folder in layer}

NEIGHBOURS = {("cli", "server"), ("testing", "server"), ("observe", "registry"), ("core", "wire")}
"""`muster serve` starts the server, and so do tests that want a real registry; metrics are read off the registry when they are
asked for; a snapshot keeps its own bytes, encoded once per change and never once per request. Everything else imports what is
below it, or itself."""
STRANGERS = {(library, behind) for library in ("client", "integrations") for behind in ("core", "registry")}
"""Below, and still not to be known: the library knows the wire, never the registry behind it."""

PURE = {"model", "core", "policy", "wire"}
IMPURE = {"asyncio", "logging", "os", "random", "socket", "ssl", "subprocess", "threading", "time"}
"""Time and chance come in as arguments (`now`, `rng`); input and output belong to the shells and edges. The type of such an
argument may be named: `if TYPE_CHECKING: from random import Random`."""

LIBRARY = {"", "model", "wire", "policy", "client"}
"""What the base install runs; `pip install musterd` brings msgspec and nothing else."""


def test_every_folder_has_its_place() -> None:
    unknown = {module.folder for module in modules()} - HEIGHT.keys() - {""}
    assert not unknown, f"give them a layer in {__file__}"


def test_imports_point_down_only() -> None:
    expect_none([line for module in modules() for line in upward(module)])


def upward(module: Module) -> Iterator[str]:
    if not module.folder:
        return  # src/muster/*.py: a lazy façade and `python -m muster`
    for name in module.imports():
        target = name.split(".")[1] if name.startswith("muster.") else module.folder
        edge = (module.folder, target)
        down = HEIGHT.get(target, -1) < HEIGHT[module.folder] and edge not in STRANGERS
        if target != module.folder and not down and edge not in NEIGHBOURS:
            yield f"{module} imports {name}"


def test_pure_layers_touch_nothing() -> None:
    touched = [
        f"{module} imports {name}"
        for module in modules()
        if module.folder in PURE
        for name in module.imports(types_too=False)
        if name.split(".")[0] in IMPURE
    ]
    expect_none(touched)


def test_the_library_needs_msgspec_alone() -> None:
    foreign = [
        f"{module} imports {name}"
        for module in modules()
        if module.folder in LIBRARY | PURE
        for name in module.imports()
        if not is_stdlib(name) and name.split(".")[0] not in {"msgspec", "muster"}
    ]
    expect_none(foreign)


def test_import_muster_starts_and_loads_nothing() -> None:
    code = (
        "import sys, threading; import muster;"
        "print([m for m in sys.modules if m.startswith(('muster', 'msgspec'))], threading.active_count())"
    )
    assert fresh_python(code) == "['muster'] 1"


def test_the_library_loads_no_other_package() -> None:
    """What the syntax tree cannot see: an import by name, or one that a dependency makes. msgspec takes typing_extensions
    where it happens to be, and asks for it nowhere."""
    present = {folder.name for folder in folders()} & LIBRARY
    code = (
        "import sys; before = {m.split('.')[0] for m in sys.modules};"
        + "".join(f"import muster.{folder};" for folder in sorted(present))
        + "print(*sorted({m.split('.')[0] for m in sys.modules} - before - sys.stdlib_module_names))"
    )
    assert set(fresh_python(code).split()) <= {"muster", "msgspec", "typing_extensions"}


def fresh_python(code: str) -> str:
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()
