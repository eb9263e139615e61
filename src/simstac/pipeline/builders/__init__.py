"""One builder a kind of source: from what the configuration names to a store and its documents."""

from __future__ import annotations

from typing import assert_never

from simstac.config.sources import CfSource, EPLaunchSource, IcechunkSource, IrisSource, ScytheSource, StudySource
from simstac.pipeline.builders.order import Built, Order

__all__ = ["Built", "Order", "build_source"]


def build_source(order: Order) -> Built:
    """Write the store of a collection, by the builder for its source.

    Raises:
        SimstacError: If it cannot be built; the old store and documents are untouched.
    """
    if order.study is not None:
        from simstac.pipeline.builders.study import build_runs  # noqa: PLC0415  # what other sources need not load

        return build_runs(order, order.study)
    from simstac.pipeline.mounted import in_buckets  # noqa: PLC0415  # as above

    source = order.collection.source
    match source:
        case StudySource():
            from simstac.pipeline.builders.study import build_study  # noqa: PLC0415  # what other sources need not load

            return build_study(order, source)
        case CfSource(virtual=True):
            from simstac.pipeline.builders.virtual import build_virtual  # noqa: PLC0415  # as above

            return build_virtual(*in_buckets(order, source))
        case CfSource():
            from simstac.pipeline.builders.cf import build_cf  # noqa: PLC0415  # as above

            return build_cf(*in_buckets(order, source))
        case IcechunkSource():
            from simstac.pipeline.builders.icechunk import build_existing  # noqa: PLC0415  # as above

            return build_existing(order, source)
        case IrisSource():
            from simstac.pipeline.builders.iris import build_iris  # noqa: PLC0415  # as above

            return build_iris(order, source)
        case ScytheSource():
            from simstac.pipeline.builders.scythe import build_scythe  # noqa: PLC0415  # as above

            return build_scythe(order, source)
        case EPLaunchSource():
            from simstac.pipeline.builders.eplaunch import build_eplaunch  # noqa: PLC0415  # as above

            return build_eplaunch(order, source)
        case _:
            assert_never(source)
