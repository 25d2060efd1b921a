"""Whether the table of operations in bindings/README.md names what each package has: every name in a language's column is to be found in that package's public sources.

Ends with 1 and the missing names where one is not.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Where the public face of each language's package is written.
SOURCES = {
    "Rust": "client-rs/src/**/*.rs",
    "Python": "bindings/python/gossiperl/**/*.py*",
    "JavaScript": "bindings/node/lib/*.d.ts",
    "Java": "bindings/jvm/src/main/java/**/*.java",
    "Kotlin": "bindings/kotlin/src/main/kotlin/**/*.kt",
    "C#": "bindings/csharp/src/*.cs",
    "Ruby": "bindings/ruby/lib/**/*.rb",
    "C": "client-ffi/include/gossiperl.h",
}


def columns(readme: str) -> dict[str, set[str]]:
    """The names in backquotes of each language's column, without their arguments."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in readme.splitlines() if line.startswith("|")]
    start = next((at for at, row in enumerate(rows) if row[:2] == ["operation", "Rust"]), None)
    if start is None:
        sys.exit("bindings/README.md has no table of operations in each language")
    languages = rows[start][1:]
    names: dict[str, set[str]] = {language: set() for language in languages}
    before = languages[0]
    for row in rows[start + 2 :]:
        for language, cell in zip(languages, row[1:], strict=True):
            # “the same” is what the column to the left says.
            if cell != "the same":
                before = cell
            for code in re.findall("`([^`]+)`", before):
                names[language].update(re.findall(r"[A-Za-z_]+", re.sub(r"\(.*\)", "", code)))
    return names


def main() -> int:
    missing = []
    for language, names in columns((ROOT / "bindings/README.md").read_text()).items():
        files = list(ROOT.glob(SOURCES[language]))
        words = set(re.findall(r"\w+", "\n".join(file.read_text() for file in files)))
        missing += [f"{language}: {name}" for name in sorted(names - words - {"async", "with"})]
        if not names:
            missing.append(f"{language}: it has no operation")
    for name in missing:
        print(f"bindings/README.md names what the package does not have: {name}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
