"""Failed assertions of the helpers here show their values, too."""

import pytest

pytest.register_assert_rewrite("tests.weather.ways", "tests.weather.storm")
