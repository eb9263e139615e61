from tests.study_folder import study_folder, three_runs  # noqa: F401  # fixtures
