"""Every route fuzzed by schemathesis from the server's own OpenAPI: no request makes it fail."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error

OURS = r"^/(stac|intake|datasets/\{dataset_id\}/(stac|kerchunk|zarr|plot|groupby))"
KNOWN = {
    "dataset_id": ["grid", "office-study"],
    "variable": ["t", "zone_mean_air_temperature"],
    "coord": ["time.month", "lat"],
}
ROUTES = {"stac", "stac_collection", "stac_collection_all", "intake", "kerchunk", "zarr", "plot", "groupby"}


@pytest.fixture(scope="module")
def operations(app):
    schema = schemathesis.openapi.from_asgi("/openapi.json", app).include(path_regex=OURS)
    return [result.ok() for result in schema.get_all_operations()]


def test_no_request_makes_it_fail(operations):
    assert {operation.definition.raw["operationId"].partition("_datasets_")[0] for operation in operations} >= {"plot"}
    assert len(operations) == len(ROUTES)
    for operation in operations:

        @settings(max_examples=40, suppress_health_check=list(HealthCheck))
        @given(operation.as_strategy(), st.data())
        def fuzz(case, data):
            for name, values in KNOWN.items():
                if name in case.path_parameters and data.draw(st.booleans()):
                    case.path_parameters[name] = data.draw(st.sampled_from(values))
            case.call_and_validate(checks=[not_a_server_error])

        fuzz()
