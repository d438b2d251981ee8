"""Long fuzzing against the service's own OpenAPI document; only in `make test-all`."""

import pytest
from served import TOKEN, serving, write_version

pytestmark = pytest.mark.long


def test_schemathesis_finds_no_server_error_and_no_answer_that_is_not_documented(tmp_path):
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, Phase, given, settings

    with serving(write_version(tmp_path / "1"), tmp_path / "log", "--state", tmp_path / "state") as served:
        schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{served.port}/openapi.json")
        operations = [found.ok() for found in schema.get_all_operations()]
        assert len(operations) >= 9
        quiet = settings(
            max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
        )
        for operation in operations:
            quiet(given(case=operation.as_strategy())(_attack))()
        assert served.ask("GET", "/health")[0] == 200


def _attack(case):
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    # No schema can say which items the catalogue has.
    case.call_and_validate(headers={"authorization": f"Bearer {TOKEN}"}, excluded_checks=[positive_data_acceptance])
