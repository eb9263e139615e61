"""Build, publish and verify the catalog of a configuration, for cron and CI: plain lines, simstac's exit codes."""

from __future__ import annotations

import argparse
import sys

import simstac


def main() -> int:
    """Run the pipeline once and say what it did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="configuration of the catalog, YAML")
    try:
        report = simstac.run(simstac.load_project(parser.parse_args().config))
    except simstac.SimstacError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, simstac.ConfigError) else 3 if isinstance(error, simstac.ConflictError) else 1
    print(*(f"error: {error}\n" for error in report.build.errors), sep="", end="", file=sys.stderr)
    for collection in report.build.collections:
        print(f"{collection.id}: {collection.summary}")
        print(*(f"  {problem}\n" for problem in collection.problems), sep="", end="", file=sys.stderr)
    for outcome in report.outcomes:
        if outcome.changes is None:
            print(f"error: {outcome.error}", file=sys.stderr)
        else:
            print(list(outcome.changes.lines())[-1])
    for verified in report.verified:
        print(*verified.findings, verified.summary, sep="\n")
    conflict = any(isinstance(outcome.error, simstac.ConflictError) for outcome in report.outcomes)
    return 3 if conflict else 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
