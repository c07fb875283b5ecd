"""The page, section by section."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Iterable, Sequence

from experiments.report import pictures, tables
from experiments.report.facts import RunFacts, differ_in_data
from experiments.report.inline import InlinePictures
from experiments.report.markup import Markup, join, tag

_STYLE = pathlib.Path(__file__).with_name("report.css")
_SEVERAL = "Means over seeds, below each Student's 95% interval for the mean over all seeds."
_SINGLE = (
    "Each run, with a 95% bootstrap interval over its queries below the score: what the choice of test images leaves "
    "open, not what another seed would reach."
)
_OTHER_DATA = "These runs are of different data, so their scores do not compare methods."


def page(runs: Sequence[RunFacts], tsne: bool, show: InlinePictures) -> Markup:
    """The whole document.

    Args:
      runs: at least one.
      tsne: draw embeddings by t-SNE.
      show: puts a figure into the page.
    """
    judged = [run for run in runs if run.judged]
    grid = functools.partial(_grid, runs, show)
    sections = [
        ("results", "Results", _results(runs, judged, show)),
        ("training", "Training", _training(runs, show)),
        ("embedding", "Embedding", grid(judged, lambda run: pictures.embedding_pictures(run.judged, tsne))),
        ("retrieval", "Retrieval and distances", grid(judged, lambda run: pictures.retrieval_pictures(run.judged))),
        ("geometry", "Geometry", _geometry(runs, judged, grid)),
        ("settings", "Settings", tables.settings_table(runs)),
    ]
    sections = [section for section in sections if section[2]]
    title = f"{runs[0].name} on {runs[0].config.data.dataset}" if len(runs) == 1 else f"{len(runs)} runs side by side"
    return join(
        [
            Markup("<!DOCTYPE html>\n"),
            tag(
                "html",
                tag(
                    "head",
                    tag("meta", charset="utf-8"),
                    tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
                    tag("title", title),
                    tag("style", Markup(_STYLE.read_text())),
                ),
                tag(
                    "body",
                    tag("header", tag("h1", title), *(_about(run) for run in runs)),
                    tag("nav", *(tag("a", heading, href=f"#{key}") for key, heading, _ in sections)),
                    tag("main", *(tag("section", tag("h2", heading), body, id=key) for key, heading, body in sections)),
                ),
                lang="en",
            ),
            "\n",
        ]
    )


def _about(run: RunFacts) -> Markup:
    """What was trained on what, and what is missing."""
    data, model = run.config.data, run.config.network
    if run.judged:
        parts = run.judged.description["data"]
        counted = [
            f"{parts[part]['images']:,} images of {parts[part]['classes']:,} classes" for part in ("train", "test")
        ]
        trained = f"trained on {counted[0]} of {data.dataset}, judged on {counted[1]} never seen in training"
    else:
        trained = f"in training on {data.dataset}"
    seed = f"seed {run.config.run.seed}"
    seed = "" if f", {seed}" in run.name else f"; {seed}"
    network = f"{model.backbone}, {model.embedding_size} dimensions"
    about = tag("p", tag("strong", run.name), f": {network}, {trained}{seed}.")
    if run.finished:
        return about
    epochs = run.records[-1]["epoch"] if run.records else 0
    shown = (
        "the best weights so far are shown" if run.judged else "no weights are saved yet, so there is little to show"
    )
    note = f"{run.name} is not finished: it is at epoch {epochs}, and {shown}."
    return join([about, tag("p", note, class_="note")])


def _results(runs: Sequence[RunFacts], judged: Sequence[RunFacts], show: InlinePictures) -> Markup | None:
    if not judged:
        return None
    several, single = tables.score_rows(judged)
    contents = [tag("p", _OTHER_DATA, class_="note")] if differ_in_data(judged) else []
    if several:
        contents.append(tables.score_table(several, _SEVERAL))
    contents.append(tables.score_table(single, _SINGLE))
    if len(runs) > 1:
        drawn = [show(picture) for picture in pictures.score_pictures({**several, **single})]
        contents.append(tag("div", *drawn, class_="grid"))
    protocols: dict[str, list[str]] = {}
    for run in judged:
        sentences = {**run.judged.description["protocol"]}
        left_out = run.judged.description["data"]["unreadable_images_left_out"]
        if left_out:
            sentences["left out"] = f"{left_out:,} images that cannot be read"
        text = join(tag("li", f"{what.replace('_', ' ')}: {sentence}") for what, sentence in sentences.items())
        protocols.setdefault(text, []).append(run.name)
    contents.append(tag("h3", "Protocol"))
    for text, names in protocols.items():
        contents += [tag("p", ", ".join(names)) if len(protocols) > 1 else None, tag("ul", Markup(text))]
    return join(contents)


def _training(runs: Sequence[RunFacts], show: InlinePictures) -> Markup:
    curves = [show(picture) for picture in pictures.curve_pictures(runs)]
    return join([tables.training_table(runs), tag("div", *curves, class_="grid pairs") if curves else None])


def _geometry(
    runs: Sequence[RunFacts], judged: Sequence[RunFacts], grid: Callable[..., Markup | None]
) -> Markup | None:
    drawn = grid(runs, pictures.geometry_pictures)
    measured = {run.name: tables.measure(run) for run in judged}
    return join([tables.geometry_table(measured) if measured else None, drawn]) or None


def _grid(
    runs: Sequence[RunFacts],
    show: InlinePictures,
    shown: Iterable[RunFacts],
    pictures_of: Callable[[RunFacts], Iterable[pictures.Picture]],
) -> Markup | None:
    """The pictures of some of the runs; where there are several, all that show the same thing side by side."""
    if len(runs) == 1:
        figures = [show(picture) for run in shown for picture in pictures_of(run)]
        return tag("div", *figures, class_="grid pairs") if figures else None
    alike: dict[str, list[Markup]] = {}
    for run in shown:
        for picture in pictures_of(run):
            alike.setdefault(picture.key, []).append(show(picture, run.name, list(runs).index(run) + 1))
    return join(tag("div", *figures, class_="grid") for figures in alike.values()) or None
