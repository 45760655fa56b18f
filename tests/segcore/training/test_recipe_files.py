import dataclasses
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from segcore.errors import OutOfRange, RareSegError, SettingProblem, UnknownName, UnreadableFile
from segcore.training.recipe import Budget, LossTerm, Machine, Recipe, Sampling
from segcore.training.recipe_files import read_recipe, recipe_from_data, recipe_with, write_recipe

CHANGED = Recipe(
    name="Größer",
    loss=(
        LossTerm(name="tversky", weight=0.5, parameters=(("alpha", 0.2), ("beta", 0.8))),
        LossTerm(name="dice", parameters=(("batch", True),)),
    ),
    sampling=Sampling(method="per_lesion", ratio=0.25),
    budget=Budget(minutes=1.5, steps=700),
    machine=Machine(device="cpu", seed=7),
)


@pytest.mark.parametrize("recipe", [Recipe(), CHANGED])
def test_a_recipe_comes_back_as_it_was_written(tmp_path: Path, recipe: Recipe) -> None:
    write_recipe(tmp_path / "r.toml", recipe)
    assert read_recipe(tmp_path / "r.toml") == recipe


def test_what_a_file_leaves_out_takes_its_default(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text("[sampling]\nratio = 0.25\n")
    assert read_recipe(tmp_path / "r.toml") == Recipe(name="Recipe", sampling=Sampling(ratio=0.25))


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("name = ", UnreadableFile, "not valid TOML"),
        ("[samplng]\nratio = 1.0", SettingProblem, "did you mean 'sampling'"),
        ("[sampling]\nratoi = 1.0", SettingProblem, "did you mean 'ratio'"),
        ("[sampling]\nratio = 7.0", SettingProblem, "range 0 to 1"),
        ("[sampling]\nratio = true", SettingProblem, "no number"),
        ("[sampling]\nmethod = 3", SettingProblem, "no name"),
        ("[sampling]\nratio = nan", SettingProblem, "range 0 to 1"),
        ("sampling = 3", SettingProblem, "write [sampling]"),
        ("[augmentation]\nflips = 'yes'", SettingProblem, "on or off"),
        ("loss = 'dice'", SettingProblem, "lacks its name"),
        ("[[loss]]\nname = 'dicee'", SettingProblem, "did you mean"),
        ("[[loss]]\nname = 'focal'\nparameters = {gamma = 'x'}", SettingProblem, "no number"),
        ("[[loss]]\nname = 'focal'\nparameters = {gamma = 1000.0}", SettingProblem, "range 0 to 5"),
        ("[[loss]]\nname = 'focal'\nparameters = {gama = 1.0}", SettingProblem, "did you mean 'gamma'"),
        ("[[loss]]\nname = 'bce'\n" * 5, SettingProblem, "combine one to 4"),
        ("[[loss]]\nname = 'bce'\nramp = 2.0", SettingProblem, "line 3: ramp is 2.0"),
        ("[[loss]]\nname = 'bce'\nramp = 0.5", SettingProblem, "every term of the loss grows"),
        ("[budget]\nsteps = 1.5", SettingProblem, "steps is 1.5"),
        ("name = 'x'\n\n[sampling]\nratoi = 1.0", SettingProblem, "line 4: there is no setting of sampling"),
        (
            "[[loss]]\nname = 'bce'\n[[loss]]\nname = 'focal'\nwieght = 2.0",
            SettingProblem,
            "line 5: there is no setting",
        ),
        ("[[loss]]\nname = 'bce'\nweight = 'heavy'", SettingProblem, "line 3: weight is 'heavy'"),
        ("[[loss]]\nname = 'bce'\nparameters = 3", SettingProblem, "are no table"),
        ("format = 2\n[novelty]\nx = 1", SettingProblem, "newer RareSeg (format 2; this one reads up to 1)"),
        ("format = 'x'", SettingProblem, "no format"),
        ("name = 3", SettingProblem, "line 1: the name"),
        ("name = 'a\\u0007'\n".replace("'", '"'), SettingProblem, "line 1: the name"),
    ],
)
def test_a_wrong_recipe_is_refused_with_a_sentence_that_names_the_file(
    tmp_path: Path, text: str, kind: type[RareSegError], words: str
) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(kind) as caught:
        read_recipe(tmp_path / "mine.toml")
    assert "mine.toml" in str(caught.value)
    assert words in str(caught.value)


def test_a_huge_file_is_refused_without_reading_it(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(UnreadableFile, match="too long for a recipe"):
        read_recipe(tmp_path / "r.toml")


def test_a_file_says_its_format(tmp_path: Path) -> None:
    write_recipe(tmp_path / "r.toml", Recipe())
    assert (tmp_path / "r.toml").read_text("utf-8").startswith("format = 1\n")


def test_a_recipe_that_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_bytes(b"\xff\xfe\x00")
    for name in ("r.toml", "absent.toml"):
        with pytest.raises(UnreadableFile, match="cannot be read"):
            read_recipe(tmp_path / name)


words = st.text(alphabet="ab0.é", max_size=5)
json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
sections = st.sampled_from(["name", "loss", "sampling", "budget", "machine", "augmentation"])
settings = st.sampled_from(["name", "weight", "parameters", "method", "ratio", "flips", "steps", "seed", "device"])


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(st.dictionaries(sections, json_like | st.dictionaries(settings, json_like, max_size=3), max_size=3))
def test_nothing_in_a_file_makes_the_reader_crash(data: dict[str, object]) -> None:
    try:
        recipe = recipe_from_data(data)
    except RareSegError:
        return
    recipe.check()


@pytest.mark.parametrize(
    ("assignment", "section", "expected"),
    [
        ("sampling.ratio=0.3", "sampling", Sampling(ratio=0.3)),
        ("ratio = 0.3", "sampling", Sampling(ratio=0.3)),
        ("sampling.method=uniform", "sampling", Sampling(method="uniform")),
        ("budget.steps=50", "budget", Budget(steps=50)),
        ("seed=3", "machine", Machine(seed=3)),
    ],
)
def test_one_setting_is_changed_by_name(assignment: str, section: str, expected: object) -> None:
    changed = recipe_with(Recipe(), assignment)
    assert getattr(changed, section) == expected
    assert dataclasses.replace(changed, **{section: getattr(Recipe(), section)}) == Recipe()


@pytest.mark.parametrize(("word", "value"), [("on", True), ("0", False), ("No", False), ("TRUE", True)])
def test_switches_understand_the_usual_words(word: str, value: bool) -> None:
    assert recipe_with(Recipe(), f"augmentation.flips={word}").augmentation.flips is value


def test_a_parameter_of_the_loss_is_read_as_its_setting_wants() -> None:
    focal = Recipe(loss=(LossTerm(name="focal"),))
    assert recipe_with(focal, "loss.gamma=3").loss == (LossTerm(name="focal", parameters=(("gamma", 3.0),)),)
    assert recipe_with(Recipe(), "loss.batch=off").loss[0].parameters == (("batch", False),)


def test_every_term_of_a_sum_is_reached_by_its_name_or_number() -> None:
    both = Recipe(loss=(LossTerm(name="dice_ce"), LossTerm(name="focal")))
    changed = recipe_with(recipe_with(recipe_with(both, "loss.focal.gamma=1"), "loss.2.ramp=0.5"), "loss.weight=0.5")
    assert changed.loss == (
        LossTerm(name="dice_ce", weight=0.5),
        LossTerm(name="focal", ramp=0.5, parameters=(("gamma", 1.0),)),
    )


@pytest.mark.parametrize(
    ("assignment", "kind", "words"),
    [
        ("ratio", SettingProblem, "sampling.ratio=0.3"),
        ("ratio=", SettingProblem, "no number"),
        ("ratio=a lot", SettingProblem, "no number"),
        ("sampling.ratio=2", OutOfRange, "0 to 1"),
        ("steps=1e999", OutOfRange, "steps"),
        ("sampling.speed=2", UnknownName, "setting of sampling"),
        ("speed=2", UnknownName, "no setting named"),
        ("engine.speed=2", UnknownName, "section"),
        ("loss.gama=2", UnknownName, "parameter of dice_ce"),
        ("loss.focal.gamma=2", UnknownName, "term of the loss"),
        ("loss.2.gamma=2", UnknownName, "term of the loss"),
        ("loss.weight=0", OutOfRange, "weight"),
        ("flips=maybe", SettingProblem, "true or false"),
        ("method=best", UnknownName, "foreground"),
    ],
)
def test_a_wrong_assignment_is_refused_with_what_is_allowed(
    assignment: str, kind: type[RareSegError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        recipe_with(Recipe(), assignment)
    assert words in str(caught.value)
