import inspect
import pickle

import pytest

from simstac import errors
from simstac.errors import ConflictError, SimstacError, SourceError


def test_message_says_where_what_and_what_to_do_in_one_line():
    error = SourceError("runs/a", "has no results", "simulate it")
    assert str(error) == "runs/a: has no results; simulate it"
    assert (error.where, error.problem, error.remedy) == ("runs/a", "has no results", "simulate it")
    assert str(SourceError("runs/a", "has no results")) == "runs/a: has no results"


def test_docstring_draws_the_tree_that_there_is():
    tree = {cls.__name__ for cls in vars(errors).values() if inspect.isclass(cls) and issubclass(cls, SimstacError)}
    drawn = {word for line in (errors.__doc__ or "").splitlines() for word in line.split() if word.endswith("Error")}
    assert drawn - {"ValueError"} == tree


@pytest.mark.parametrize("name", ["ConfigError", "MetadataError", "InvalidDocumentError"])
def test_bad_values_are_value_errors_too(name):
    assert issubclass(getattr(errors, name), ValueError)


def test_errors_cross_process_borders():
    again = pickle.loads(pickle.dumps(ConflictError("s3://b/catalog.json", "changed meanwhile", "run again")))
    assert (type(again), str(again)) == (ConflictError, "s3://b/catalog.json: changed meanwhile; run again")
