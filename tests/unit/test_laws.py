"""Laws of the repository, read from the syntax trees of the components and of the program."""

import ast
import re
import subprocess
import sys
from collections.abc import Container, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.many import for_each

ROOT = Path(__file__).resolve().parents[2]
COMPONENTS = sorted((ROOT / "components" / "kafka_platform").glob("**/*.py"))
SOURCES = [*COMPONENTS, *sorted((ROOT / "infra").glob("**/*.py"))]
TOKEN = re.compile(r"kafka-platform:index:[A-Z][A-Za-z]+")


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def name(node: ast.expr) -> str:
    """A dotted name, as written."""
    return ast.unparse(node)


def components() -> Iterator[tuple[Path, ast.ClassDef]]:
    for file in COMPONENTS:
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.ClassDef) and any(name(base).endswith("ComponentResource") for base in node.bases):
                yield file, node


CLASSES = [pytest.param(file, node, id=node.name) for file, node in components()]


def calls(node: ast.AST, function: str) -> list[ast.Call]:
    return [each for each in ast.walk(node) if isinstance(each, ast.Call) and name(each.func) == function]


def constructor(node: ast.ClassDef) -> ast.FunctionDef:
    return next(each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__")


def test_there_are_components() -> None:
    assert {node.name for _, node in components()} >= {
        "HttpGateway",
        "KafkaCluster",
        "KafkaResources",
        "Scaler",
        "StreamWorker",
    }


@pytest.mark.parametrize(("file", "node"), CLASSES)
class TestComponents:
    def test_takes_a_name_args_and_options(self, file: Path, node: ast.ClassDef) -> None:
        arguments = [each.arg for each in constructor(node).args.args]
        assert arguments == ["self", "name", "args", "opts"], f"{file}: {node.name}"

    def test_registers_its_outputs_last(self, file: Path, node: ast.ClassDef) -> None:
        last = constructor(node).body[-1]
        assert isinstance(last, ast.Expr), f"{file}: {node.name}"
        assert isinstance(last.value, ast.Call)
        assert name(last.value.func) == "self.register_outputs"

    def test_has_a_token_of_the_one_shape(self, file: Path, node: ast.ClassDef) -> None:
        token = calls(constructor(node), "super().__init__")[0].args[0]
        text = str(ast.literal_eval(token))
        assert TOKEN.fullmatch(text), f"{file}: {text}"
        assert text.endswith(f":{node.name}")

    def test_passes_its_own_options_to_nobody_else(self, file: Path, node: ast.ClassDef) -> None:
        uses = [each for each in ast.walk(constructor(node)) if isinstance(each, ast.Name) and each.id == "opts"]
        assert len(uses) == 1, f"{file}: {node.name}: opts is for super().__init__ alone"


def options(function: ast.FunctionDef) -> Iterator[tuple[ast.Call, ast.expr | None]]:
    """The resources that a function makes, with the options that each gets."""
    for call in ast.walk(function):
        if not isinstance(call, ast.Call):
            continue
        if name(call.func) in {"place", "patch", "look_up"}:
            yield call, call.args[-1]
        elif name(call.func) in {"install_chart", "place_all"}:
            yield call, call.args[0]
        elif name(call.func).startswith("Random") or name(call.func) in ("Chart", "ConfigFile"):
            yield call, next((each.value for each in call.keywords if each.arg == "opts"), None)


@pytest.mark.parametrize(("file", "node"), CLASSES)
def test_every_child_has_the_component_as_its_parent(file: Path, node: ast.ClassDef) -> None:
    found = 0
    for function in (each for each in ast.walk(node) if isinstance(each, ast.FunctionDef)):
        assigned = {name(each.targets[0]): each.value for each in ast.walk(function) if isinstance(each, ast.Assign)}
        for call, given in options(function):
            assert given is not None, f"{file}:{call.lineno}: no options"
            text = name(given)
            for variable in re.findall(r"\bchild\b", text):
                text += name(assigned[variable])
            # `install_chart` and `place_all` take the parent itself.
            assert "parent=self" in text or text == "self", f"{file}:{call.lineno}: {text}"
            found += 1
    assert found, f"{file}: {node.name} makes nothing"


@for_each("file", COMPONENTS, str)
def test_components_read_no_surroundings(file: Path) -> None:
    forbidden = {"pulumi.Config", "os.environ", "os.getenv", "pulumi.get_stack", "pulumi.get_project"}
    used = {name(node) for node in ast.walk(tree(file)) if isinstance(node, ast.Attribute)}
    assert not used & forbidden, f"{file}: give it to the component as an argument"


@for_each("file", SOURCES, str)
def test_no_resource_is_made_inside_apply(file: Path) -> None:
    makers = re.compile(
        r"\b(place|place_all|patch|look_up|KubernetesObject)\(|\bRandom[A-Z]\w+\(|\b(Provider|Chart|ConfigFile)\("
        r"|\bKafka(Cluster|Resources)\(|\b(HttpGateway|KedaOperator|Scaler|StreamWorker|install_chart)\("
    )
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "apply":
            for argument in node.args:
                assert not makers.search(ast.unparse(argument)), f"{file}:{node.lineno}"


@for_each("file", COMPONENTS, str)
def test_annotations_are_evaluated(file: Path) -> None:
    """The component host reads annotations, which must be types and not texts."""
    for node in ast.walk(tree(file)):
        assert not (isinstance(node, ast.ImportFrom) and node.module == "__future__"), f"{file}:{node.lineno}"


def test_the_generated_classes_of_the_core_are_not_imported() -> None:
    """Importing them takes more than a second of every preview; `place` does without."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys, infra.program, kafka_platform.host as host; host.Host(); print(*sys.modules, sep='\\n')"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "kafka_platform.cluster.component" in done.stdout.split()
    # Those right under pulumi_kubernetes are lazy.
    heavy = re.compile(r"pulumi_kubernetes\.(core|apps|batch|networking|policy|autoscaling|meta|rbac)\..+")
    assert not [each for each in done.stdout.split() if heavy.fullmatch(each)]


LIBRARY = ROOT / "components" / "kafka_platform"
KNOW_PULUMI = {
    "host.arrivals",
    "host.described",
    "host.host",
    "kube.ownership",
    "kube.passwords",
    "kube.place",
    "kube.refusals",
    "testing",
}
"""What of the library imports Pulumi, besides the components."""
PURE = sorted(
    name
    for name in (".".join(file.relative_to(LIBRARY).with_suffix("").parts) for file in COMPONENTS)
    if name not in KNOW_PULUMI and name.rpartition(".")[2] not in ("component", "__init__")
)
"""What is declared, and what is rendered of it."""


def test_only_components_and_what_places_objects_know_pulumi() -> None:
    """What is placed is what `check` judges, which runs without an engine: nothing of it loads Pulumi, directly or by others."""
    assert {"cluster.embedded.objects", "probe.objects", "entities.provisioner", "worker.spec"} <= set(PURE)
    lines = [f"import kafka_platform.{module}; assert 'pulumi' not in sys.modules, {module!r}" for module in PURE]
    subprocess.run([sys.executable, "-c", "\n".join(["import sys", *lines])], cwd=ROOT, check=True)


def test_every_component_is_public_and_in_a_module_of_that_name() -> None:
    found = {node.name: file for file, node in components()}
    assert {file.name for file in found.values()} == {"component.py"}
    public = subprocess.run(
        [sys.executable, "-c", "import kafka_platform; print(*kafka_platform.__all__)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert not {each for name in found for each in (name, f"{name}Args")} - set(public)


NEUTRAL = {
    "values": set(),
    "kube": {"values"},
    "kafka": {"values", "kube", "args"},
    "program": {"values", "kube", "kafka"},
}
"""What every capability may import, and what of it may import which other parts."""
COMPOSED = {
    "job": {"entities"},
    "light": {"connect", "scaling"},
    "query": {"connect"},
    "mirror": {"connect"},
    "worker": {"scaling", "entities"},
    "scaling": {"entities"},
    "monitoring": {"exporter", "gateway", "levels", "probe", "worker"},
}
"""Capabilities whose component makes another one, as a worker its scaler and its user, or takes others by their names."""


PARTS = {each.name for each in LIBRARY.iterdir() if (each / "__init__.py").is_file()}
HOST = "host"
"""The component host serves all capabilities."""


@pytest.mark.parametrize("part", sorted(PARTS - {HOST}))
def test_a_capability_imports_no_other_one(part: str) -> None:
    allowed = NEUTRAL.get(part, {*NEUTRAL, "args"} | COMPOSED.get(part, set()))
    known = modules({"kafka_platform": LIBRARY})
    found = {
        (name, imported)
        for name, file in known.items()
        if name.startswith(f"kafka_platform.{part}.")
        for imported in imports(name, file, known)
        if imported.split(".")[1] not in {part, *allowed}
    }
    assert not found


def test_the_configuration_is_read_once() -> None:
    readers = [
        file
        for file in SOURCES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Attribute) and name(node) == "pulumi.Config"
    ]
    assert [file.relative_to(ROOT).as_posix() for file in readers] == ["infra/program.py"]


LAYERS = {
    "infra/reading": ("infra.reading",),
    "infra/rules": ("infra.reading", "infra.rules"),
    "policies": ("infra.rules", "infra.settings.core"),
}
"""What of the program each part may import: reading manifests and the rules know neither settings nor the review."""


@pytest.mark.parametrize("folder", LAYERS)
def test_reading_and_rules_are_below_settings_and_review(folder: str) -> None:
    found = 0
    for file in sorted((ROOT / folder).glob("**/*.py")):
        for node in ast.walk(tree(file)):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            where = f"{file}:{node.lineno}"
            assert isinstance(node, ast.Import) or not node.level, f"{where}: write the package's whole name"
            origin = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            names = [f"{origin}{each.name}" for each in node.names]
            for imported in (each for each in names if each.partition(".")[0] in ("infra", "policies")):
                assert any(f"{imported}.".startswith(f"{each}.") for each in LAYERS[folder]), f"{where}: {imported}"
                found += 1
    assert found


def test_the_policy_pack_has_no_rules_of_its_own() -> None:
    assert sorted(file.name for file in (ROOT / "policies").glob("**/*.py")) == ["__init__.py", "__main__.py"]


REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("proxy", "golang", "org"),
        ("sum", "golang", "org"),
        ("registry", "npmjs", "org"),
        ("maven", "org"),
        ("repo", "maven", "apache", "org"),
        ("crates", "io"),
    )
]
"""Hosts of package registries, written so that this file does not name them."""


def committed_files() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [file for file in listed.split("\0") if file]


def test_no_package_registry_is_named() -> None:
    """The clients of the registries know where they are: a machine may be set up to use mirrors."""
    named = {
        f"{file}: {host}"
        for file in committed_files()
        for host in REGISTRIES
        if re.search(rb"(?<![\w-])" + re.escape(host.encode()), (ROOT / file).read_bytes())
    }
    assert not named


def test_no_file_has_the_marks_of_a_merge_conflict() -> None:
    marked = re.compile(rb"^(<{7}|>{7}) ", re.MULTILINE)
    assert not [file for file in committed_files() if marked.search((ROOT / file).read_bytes())]


def test_no_stack_file_is_bound_to_a_passphrase() -> None:
    """Pulumi refuses a stack file with the salt of another passphrase, such as that of whoever committed it."""
    files = subprocess.run(
        ["git", "ls-files", "-z", "*.yaml"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for file in filter(None, files.split("\0")):
        committed = subprocess.run(["git", "show", f":{file}"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert not re.search(r"^encryptionsalt:", committed.stdout, re.MULTILINE), file


RUNTIME = ROOT / "runtime" / "kafka_platform_runtime"
SUPERVISION = RUNTIME / "supervision.py"
PROGRAMS = [file for file in sorted(RUNTIME.glob("**/*.py")) if file != SUPERVISION]
UNWATCHED = re.compile(
    r"(.*\.)?(create_task|ensure_future|run_coroutine_threadsafe|Thread|Timer|ThreadPoolExecutor|ProcessPoolExecutor"
    r"|start_new_thread|submit|run_forever)"
)
IN_THREADS = re.compile(r"(.*\.)?(run_in_executor|to_thread)")


def unwatched(module: ast.Module) -> Iterator[ast.Call]:
    """Calls that begin something in the background of which nobody would notice the end."""
    awaited: set[ast.AST] = set()
    groups: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Await):
            awaited |= {node.value, *ast.walk(node.value)}
        elif isinstance(node, ast.AsyncWith):
            for item in node.items:
                if isinstance(item.context_expr, ast.Call) and name(item.context_expr.func) == "asyncio.TaskGroup":
                    groups.add(name(item.optional_vars) if item.optional_vars is not None else "")
        elif isinstance(node, ast.List | ast.Tuple):
            # A list of steps that are awaited one after the other.
            awaited |= {each for each in node.elts if isinstance(each, ast.Call)}
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        called = name(node.func)
        if (IN_THREADS.fullmatch(called) and node not in awaited) or (
            UNWATCHED.fullmatch(called) and called.rpartition(".")[0] not in groups
        ):
            yield node


@for_each("file", PROGRAMS, str)
def test_what_runs_in_the_background_is_watched(file: Path) -> None:
    """Tasks, threads and pools are made by `supervision`, which notices their end (`WATCH.vital`, `errand`, `thread`,
    `pool`, `hand_over`)."""
    found = [f"{file.name}:{call.lineno}: {name(call.func)}" for call in unwatched(tree(file))]
    assert not found, "use kafka_platform_runtime.supervision.WATCH"


@pytest.mark.parametrize(
    "text",
    [
        "asyncio.create_task(work())",
        "loop.create_task(work())",
        "asyncio.ensure_future(work())",
        "threading.Thread(target=work).start()",
        "pool = ThreadPoolExecutor(4)",
        "loop.run_in_executor(pool, work)",
        "pool.submit(work)",
    ],
)
def test_work_that_nobody_watches_is_found(text: str) -> None:
    assert list(unwatched(ast.parse(text)))


PACKAGES = {
    "kafka_platform": ROOT / "components" / "kafka_platform",
    "infra": ROOT / "infra",
    "policies": ROOT / "policies",
    "kafka_platform_runtime": RUNTIME,
    "sandbox": ROOT / "sandbox",
}


MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60
SHORT = [file for name, folder in PACKAGES.items() if name != "sandbox" for file in sorted(folder.rglob("*.py"))]


@for_each("file", SHORT, str)
def test_files_and_functions_are_short(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MOST_LINES_OF_A_FILE, "split it along its seams"
    functions = [each for each in ast.walk(tree(file)) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [each.name for each in functions if (each.end_lineno or 0) - each.lineno >= MOST_LINES_OF_A_FUNCTION]
    assert not long, "give each step a function of its own"


def modules(packages: Mapping[str, Path]) -> dict[str, Path]:
    """The files of packages, by the dotted names under which they are imported."""
    found: dict[str, Path] = {}
    for package, folder in packages.items():
        for file in sorted(folder.rglob("*.py")):
            parts = (package, *file.relative_to(folder).with_suffix("").parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(module: str, file: Path, known: Container[str]) -> Iterator[str]:
    """The modules among those known that a file imports anywhere: in functions and under TYPE_CHECKING too."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")
            base = above[: len(above) - node.level + 1] if node.level else []
            origin = ".".join([*base, *filter(None, [node.module])])
            for each in node.names:
                inner = f"{origin}.{each.name}"
                if inner in known or origin in known:
                    yield inner if inner in known else origin


def circles(packages: Mapping[str, Path]) -> list[list[str]]:
    """Modules that import each other, directly or by way of others."""
    files = modules(packages)
    left = {name: {each for each in imports(name, file, files) if each != name} for name, file in files.items()}
    importers: dict[str, set[str]] = {name: set() for name in left}
    for name, imported in left.items():
        for each in imported:
            importers[each].add(name)

    def reached(begin: str, steps: Mapping[str, set[str]]) -> set[str]:
        seen: set[str] = set()
        waiting = [begin]
        while waiting:
            for each in steps[waiting.pop()] - seen:
                seen.add(each)
                waiting.append(each)
        return seen

    rings = {frozenset(reached(name, left) & reached(name, importers)) for name in left}
    return sorted(sorted(ring) for ring in rings if ring)


def test_no_package_has_an_import_circle() -> None:
    """Modules in a circle cannot be understood, tested or moved one at a time, even if only a type checker sees it."""
    assert len(modules(PACKAGES)) > 200
    assert circles(PACKAGES) == []


@pytest.mark.parametrize(
    "text",
    [
        "from package import a",
        "from package.a import A",
        "import package.a",
        "from . import a",
        "from .a import A",
        "def late() -> None:\n    from package import a",
        "if TYPE_CHECKING:\n    from package.a import A",
        "try:\n    pass\nexcept ImportError:\n    import package.a",
    ],
)
def test_an_import_circle_is_found(tmp_path: Path, text: str) -> None:
    (tmp_path / "__init__.py").touch()
    (tmp_path / "a.py").write_text("import package.b", encoding="utf-8")
    (tmp_path / "b.py").write_text("from package.c import C", encoding="utf-8")
    (tmp_path / "c.py").write_text(text, encoding="utf-8")
    (tmp_path / "d.py").write_text("import package.a\nimport package.c", encoding="utf-8")
    assert circles({"package": tmp_path}) == [["package.a", "package.b", "package.c"]]
