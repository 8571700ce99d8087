"""Checks that reviewers would repeat: layers, file length, names, forbidden content of files."""

import ast
import functools
import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
CORE = SRC / "mvcore"
WRAPPER = ROOT / "python" / "mvcore"

MAX_LINES = 800
COUNTED = {".py", ".cpp", ".hpp", ".h", ".inl", ".pyx", ".pxd", ".js", ".css", ".html"}
CXX = {".cpp", ".hpp", ".h", ".inl"}
C_HEADERS = {"stdbool.h", "stddef.h", "stdint.h"}


def files(folder: Path, suffixes: set[str]) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in suffixes and "__pycache__" not in path.parts
    )


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# ---------------------------------------------------------------------------------------------
# Reading C++


def code_of(path: Path) -> str:
    """The file with comments and literals blanked, line breaks kept."""
    token = (
        r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^\s()]*)\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"'
        r"|'(?:\\[^\n][^'\n]*|[^'\\\n])'"
    )
    if path.suffix in {".pyx", ".pxd"}:
        token = r'#[^\n]*|"""(?:\\.|[^\\])*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(match: re.Match[str]) -> str:
        return " " + "\n" * match[0].count("\n")

    return re.sub(token, blank, path.read_text(), flags=re.DOTALL)


def includes(path: Path) -> Iterator[tuple[str, Path | None]]:
    """Each header as written, and its file in src/, if it is one."""
    pattern = r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]'
    for quote, header in re.findall(pattern, path.read_text(), flags=re.MULTILINE):
        roots = (path.parent, CORE, SRC) if quote == '"' else (SRC,)
        found = (root / header for root in roots)
        yield header, next((f.resolve() for f in found if f.is_file()), None)


def folder_of(path: Path) -> str:
    """The folder under src/mvcore."""
    return path.relative_to(CORE).parts[0]


def is_python_header(header: str) -> bool:
    return header == "Python.h" or header.startswith(("pybind11/", "numpy/", "cpython/"))


# The folders of the core, each a concept. A folder may include those before it.
FOLDERS = (
    "base", "kernels", "grid", "board", "orders", "state", "valuation", "views", "apply",
    "checkpoint", "journal", "durable", "book", "ingest", "capi", "bindings",
)  # fmt: skip


def test_folders_of_the_core_include_those_before_them() -> None:
    wrong = []
    for path in files(CORE, CXX):
        folder = folder_of(path)
        if folder not in FOLDERS:
            wrong.append(f"{name(path)}: {folder} is no folder of the core")
            continue
        for header, target in includes(path):
            if target is None:
                continue
            other = folder_of(target)
            if FOLDERS.index(other) > FOLDERS.index(folder):
                wrong.append(f"{name(path)} includes {header}: {other} comes after {folder}")
            if other == "kernels" != folder and target.name != "kernels.hpp":
                wrong.append(f"{name(path)} includes {header}: only kernels/kernels.hpp is open")
    assert not wrong, "\n".join(wrong)


def test_includes_are_relative_to_the_source_root() -> None:
    wrong = [
        f"{name(path)} includes {header}"
        for folder in (CORE, ROOT / "tests" / "cpp")
        for path in files(folder, CXX)
        for header, target in includes(path)
        if target is not None and CORE in target.parents and not header.startswith("mvcore/")
    ]
    assert not wrong, "\n".join(wrong)


def test_only_bindings_include_python_headers() -> None:
    wrong = [
        f"{name(path)} includes {header}"
        for path in files(CORE, CXX)
        if folder_of(path) != "bindings"
        for header, _ in includes(path)
        if is_python_header(header)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_c_api_is_plain_c(tmp_path: Path) -> None:
    header = CORE / "capi" / "capi.h"
    assert {h for h, _ in includes(header)} <= C_HEADERS
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here")
    source = tmp_path / "only_capi.c"
    source.write_text(f'#include "{header}"\nint main(void) {{ return 0; }}\n')
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only"]
    done = subprocess.run([compiler, *flags, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_headers_take_codes_as_distinct_types() -> None:
    """A raw integer that stands for one account or instrument could be swapped with the other."""
    raw = re.compile(r"\bstd::u?int(?:32|64)_t (?:account|instrument)(?:_code)?_?\b(?!\()")
    wrong = [
        f"{name(path)}:{number}: {found[0]}; expected AccountCode or InstrumentCode"
        for path in files(CORE, {".hpp"})
        if folder_of(path) not in {"kernels", "bindings"}
        for number, line in enumerate(code_of(path).splitlines(), 1)
        if (found := raw.search(line))
    ]
    assert not wrong, "\n".join(wrong)


def test_the_library_never_prints_and_never_ends_the_process() -> None:
    cxx = re.compile(
        r"\b(?:v?f?printf|f?puts|putchar|perror)\s*\(|\bstd::(?:cout|cerr|clog|print|println)\b"
        r"|\bstd::(?:abort|exit|_Exit|quick_exit|terminate)\b|\b__builtin_(?:abort|trap)\b"
        r"|(?:(?<![\w.>:])|(?<![\w>])::)_*(?:abort|exit)\s*\(|\bpy::print\b|<(?:iostream|print)>"
    )
    cython = re.compile(r"\b(?:print|printf|abort|exit)\s*\(")
    wrong = []
    for path in files(CORE, CXX | {".pyx", ".pxd"}):
        # it ends the process only in builds with assertions
        if path == CORE / "base" / "assert.hpp":
            continue
        pattern = cython if path.suffix in {".pyx", ".pxd"} else cxx
        for number, line in enumerate(code_of(path).splitlines(), 1):
            if found := pattern.search(line):
                wrong.append(f"{name(path)}:{number}: {found[0]}")
    assert not wrong, "\n".join(wrong)


# ---------------------------------------------------------------------------------------------
# The wrapper


def imported(path: Path) -> Iterator[str]:
    """The full names of all imports of a module of the Python package."""
    tree = ast.parse(path.read_text(), name(path))
    package = ["mvcore", *path.relative_to(WRAPPER).parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


PROGRAMS = ("cli", "demo", "serve")


def test_the_wrapper_imports_none_of_its_programs() -> None:
    programs = set(PROGRAMS)
    wrong = []
    for path in files(WRAPPER, {".py"}):
        first = path.relative_to(WRAPPER).parts[0].removesuffix(".py")
        if first in programs | {"__main__"}:
            continue
        wrong += [
            f"{name(path)} imports {module}"
            for module in imported(path)
            if module.split(".")[:1] == ["mvcore"] and set(module.split(".")[1:2]) & programs
        ]
    assert not wrong, "\n".join(wrong)


# The only private name of books and snapshots that the store uses (python/mvcore/store_access.py).
STORE_ACCESS = "_store_access"


# Folders and modules of the wrapper. One may import those before it, and modules of its own folder.
# An import inside a function is late on purpose, so it does not count.
WRAPPER_ORDER = (
    "errors near closing forks formats valuation written",
    "ingest", "query", "frame", "results",
    "missing_rates store_access reads snapshot view book jit",
    "store", "files", "serve", "cli", "demo", "__main__",
)  # fmt: skip
# What programs import of the private folders.
HELPERS = {
    "mvcore.ingest.times", "mvcore.query.selecting", "mvcore.query.measures.MEASURES",
    "mvcore.query.measures.OF_INSTRUMENT",
    "mvcore.query.result_page.OPERATORS",
}  # fmt: skip


@functools.cache
def modules() -> dict[str, Path]:
    """The modules of the package by full name."""
    out = {}
    for path in files(WRAPPER, {".py"}):
        parts = path.relative_to(WRAPPER).with_suffix("").parts
        out[".".join(["mvcore", *(part for part in parts if part != "__init__")])] = path
    return out


def imported_at_once(path: Path) -> set[str]:
    """The modules of the package that the import of this module needs."""

    def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
        for node in body:
            if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
                yield from statements([*node.body, *node.orelse])
            elif isinstance(node, ast.Try | ast.With):
                yield from statements(node.body)
            else:
                yield node

    found: set[str] = set()
    for node in statements(ast.parse(path.read_text(), name(path)).body):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            within = (f"{node.module}.{alias.name}" for alias in node.names)
            found.update(m if m in modules() else str(node.module) for m in within)
    return found & modules().keys()


def test_modules_of_the_wrapper_import_those_before_them() -> None:
    place = {part: k for k, parts in enumerate(WRAPPER_ORDER) for part in parts.split()}
    wrong = []
    for module, path in modules().items():
        if module == "mvcore":  # gathers the public names
            continue
        own = module.split(".")[1]
        if own not in place:
            wrong.append(f"{name(path)}: {own} is not in WRAPPER_ORDER")
            continue
        wrong += [
            f"{name(path)} imports {other}"
            for other in imported_at_once(path) - {"mvcore"}
            if place[other.split(".")[1]] > place[own]
        ]
    assert not wrong, "\n".join(wrong)


def test_imports_have_no_cycle() -> None:
    needs = {m: imported_at_once(path) - {m, "mvcore"} for m, path in modules().items()}
    while ready := [module for module, others in needs.items() if not others & needs.keys()]:
        for module in ready:
            del needs[module]
    assert not needs


def test_programs_import_few_private_helpers() -> None:
    private = re.compile(r"mvcore\.(ingest|query|results|missing_rates|store_access|forks|near)\b")
    used = {
        module
        for folder in PROGRAMS
        for path in files(WRAPPER / folder, {".py"})
        for module in imported(path)
        if private.match(module)
    }
    assert {m for m in used if not {m, m.rpartition(".")[0]} & HELPERS} == set()


def private_uses(path: Path) -> Iterator[str]:
    """Attributes with a leading underscore of anything but `self` and `cls`.

    argparse has no public name for the type of its subcommands.
    """
    mine = ("self", "cls", "argparse")
    for node in ast.walk(ast.parse(path.read_text(), name(path))):
        if not isinstance(node, ast.Attribute) or not re.match(r"_(?!_)", node.attr):
            continue
        if not (isinstance(node.value, ast.Name) and node.value.id in mine):
            yield f"{name(path)}:{node.lineno}: {ast.unparse(node)}"


def test_programs_use_public_names() -> None:
    wrong = [
        use
        for folder in PROGRAMS
        for path in files(WRAPPER / folder, {".py"})
        for use in private_uses(path)
    ]
    wrong += [
        use
        for path in files(WRAPPER / "store", {".py"})
        for use in private_uses(path)
        if not use.endswith(f".{STORE_ACCESS}")
    ]
    assert not wrong, "\n".join(wrong)


def test_only_the_library_imports_the_compiled_core() -> None:
    wrong = [
        f"{name(path)} imports {module}"
        for folder in (*PROGRAMS, "files")
        for path in files(WRAPPER / folder, {".py"})
        for module in imported(path)
        if module.startswith("mvcore._core")
    ]
    assert not wrong, "\n".join(wrong)


# `import mvcore` adds at most 60 ms to `import numpy`. Time is not asserted; modules are.
MOST_OWN_MODULES = 40
MOST_OTHER_MODULES = 14
HEAVY = {
    "pyarrow", "rich", "starlette", "pandas", "polars", "duckdb", "numba", "asyncio", "ssl", "json",
    "difflib", "csv", "dataclasses", "html", "inspect", "logging", "pathlib", "traceback",
    "unicodedata", "urllib", "mvcore.files", "mvcore.store", "mvcore.jit", "mvcore.results.display",
}  # fmt: skip


def test_ci_has_every_library_that_tests_import() -> None:
    """`.ci/run` installs what the tests of the package import, so none of them may skip there."""
    if not os.environ.get("MVCORE_SKIP_NOTHING"):
        pytest.skip("only `.ci/run` must have every library")
    asked = {
        library
        for path in files(ROOT / "tests" / "python", {".py"})
        for library in re.findall(r'importorskip\("([\w.]+)"', path.read_text())
    }
    assert asked
    for library in sorted(asked - {"matplotlib"}):  # draws the charts of `make compare`
        importlib.import_module(library)


def test_import_loads_only_modules_that_are_used() -> None:
    program = (
        "import sys, numpy; before = set(sys.modules); import mvcore; "
        "print(*sys.modules.keys() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    new = set(done.stdout.split())
    assert new & HEAVY == set()
    own = {module for module in new if module.split(".")[0] == "mvcore"}
    assert len(own) <= MOST_OWN_MODULES, sorted(own)
    assert len(new - own) <= MOST_OTHER_MODULES, sorted(new - own)


# ---------------------------------------------------------------------------------------------
# Folders, lists and versions


def test_files_are_within_the_limit_of_lines() -> None:
    folders = [ROOT / folder for folder in ("src", "python", "tests", "bench")]
    lengths = {
        name(path): len(path.read_text().splitlines())
        for folder in folders
        for path in files(folder, COUNTED)
    }
    assert {path: n for path, n in lengths.items() if n > MAX_LINES} == {}


def cmake_lists() -> str:
    return re.sub(r"#[^\n]*", "", (ROOT / "CMakeLists.txt").read_text())


def test_cmake_names_every_file() -> None:
    text = cmake_lists()
    assert "GLOB" not in text
    words = {re.sub(r"^\$\{\w+\}/", "", word) for word in re.split(r'[\s()"]+', text)}
    missing = [
        name(path)
        for path in files(SRC, COUNTED)
        if not {name(path), path.relative_to(CORE).as_posix()} & words
    ]
    assert not missing, "\n".join(missing)


def test_src_holds_no_python_package() -> None:
    assert [name(p) for p in SRC.rglob("*") if p.name == "__init__.py" or p.suffix == ".pyi"] == []


def test_versions_are_equal_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cmake = re.search(r"project\s*\(\s*mvcore\b[^)]*?\bVERSION\s+([^\s)]+)", cmake_lists())
    heading = re.search(
        r"^##\s+\[?v?(\d[^\s\]]*)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE
    )
    assert cmake is not None, "CMakeLists.txt: no project(mvcore VERSION ...)"
    assert heading is not None, "CHANGELOG.md: no heading like `## 1.2.3`"
    assert (cmake[1], heading[1]) == (project["version"], project["version"])


# ---------------------------------------------------------------------------------------------
# Language and invariants

# "Where" is for places; "if" and "when" are for conditions. A few places are left.
MOST_WHERE = 12
LEAST_ASSERTIONS = 550


def comments_of(path: Path) -> Iterator[str]:
    """Comments of C++ and Cython; comments and docstrings of Python."""
    text = path.read_text()
    if path.suffix in CXX:
        yield from re.findall(r"//([^\n]*)", text)
        yield from re.findall(r"/\*(.*?)\*/", text, flags=re.DOTALL)
        return
    yield from re.findall(r"(?:^|\s)#([^\n]*)", text)
    yield from re.findall(r'"""(.*?)"""', text, flags=re.DOTALL)


def test_comments_say_if_and_when() -> None:
    found = [
        f"{name(path)}: {' '.join(line.split())}"
        for folder in ("src", "python", "tests", "bench")
        for path in files(ROOT / folder, {".py", ".pyx", ".pxd"} | CXX)
        if path != Path(__file__)
        for comment in comments_of(path)
        for line in comment.splitlines()
        if re.search(r"(?<!`)\bwhere\b(?![`:])", line, flags=re.IGNORECASE)  # not the argument
    ]
    assert len(found) <= MOST_WHERE, "\n".join(found)


# Errors of an input are made with its table and column. These few concern no input of a table:
# tokens and keys, a book made twice, what the wrapper has checked already.
MOST_WITHOUT_PLACE = 14


def test_errors_name_their_input() -> None:
    kinds = "InvalidInput|UnknownId|ValueOverflow"
    plain = {
        ".py": rf"(?<!class )\b(?:{kinds})\(",
        ".pyx": rf"\b(?:{kinds})\(",
        ".cpp": r"(?<!Input)Error\(ErrorKind::(?:unknown_id|invalid_input|value_overflow)",
    }
    found = [
        f"{name(path)}: {match[0]}"
        for folder in (CORE, WRAPPER)
        for path in files(folder, set(plain))
        for match in re.finditer(plain[path.suffix], path.read_text())
    ]
    assert len(found) <= MOST_WITHOUT_PLACE, "\n".join(found)


def test_no_program_parses_a_message() -> None:
    parsing = re.compile(r"str\(error[^)]*\)+\.(?:partition|startswith)")
    wrong = [
        f"{name(path)}: {match[0]}"
        for path in files(WRAPPER, {".py"})
        for match in parsing.finditer(path.read_text())
    ]
    assert not wrong, "\n".join(wrong)


def test_the_core_asserts_its_invariants() -> None:
    count = sum(code_of(path).count("MVCORE_ASSERT(") for path in files(CORE, CXX))
    assert count >= LEAST_ASSERTIONS


def test_each_tuning_constant_says_what_set_it() -> None:
    text = (CORE / "base" / "tuning.hpp").read_text()
    body = text[text.index("namespace mvcore::tuning {") :]
    # a comment may stand above several constants
    blocks = re.findall(r"((?:^//[^\n]*\n)+)((?:^inline constexpr[^\n]*\n)+)", body, re.MULTILINE)
    assert sum(block.count("constexpr") for _, block in blocks) == body.count("constexpr")
    wrong = [
        block
        for comment, block in blocks
        if not re.search(r"\b(?:Measured|Follows|Chosen)\b", comment)
        or not all((ROOT / path).is_file() for path in re.findall(r"bench/\w+\.py", comment))
    ]
    assert not wrong, "\n".join(wrong)


# ---------------------------------------------------------------------------------------------
# What the compiler made


def test_kernel_objects_share_no_weak_symbol() -> None:
    """The linker keeps one copy of a weak function.

    It could be the AVX-512 one, for every machine.
    """
    tool = shutil.which("nm")
    if tool is None:
        pytest.skip("no nm here")
    sources = {p.name for p in files(CORE / "kernels", {".cpp"})} - {"dispatch.cpp"}
    objects = [
        path
        for path in (ROOT / "build").rglob("*.cpp.o")
        if path.parent.name == "kernels" and path.name.removesuffix(".o") in sources
    ]
    if not objects:
        pytest.skip("no kernel objects under build/: this environment has a wheel, not a build")
    leaks = []
    for path in objects:
        listing = subprocess.run(
            [tool, "--demangle", "--defined-only", str(path)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "__gnu_lto_slim" not in listing, f"{name(path)}: built for LTO, nm sees nothing"
        # DW.ref.* are pointers to the exception personality, the same from every compiler run.
        leaks += [
            f"{name(path)}: {line}"
            for line in listing.splitlines()
            if re.match(r"[0-9a-f]* [uVW] (?!DW\.ref\.)", line)
        ]
    assert not leaks, "\n".join(leaks)
