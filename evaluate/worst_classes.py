"""What queries find: of the classes with the lowest scores, or of a sample of classes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np

from ccp.wording import counted
from evaluate.embedded import Embedded
from evaluate.figures.retrieval import RetrievalRow
from evaluate.metrics.registry import title
from evaluate.search import nearest_neighbors

RANKED_BY = "map_at_r"
_CAPTION_WIDTH = 10


def worst_classes(networks: Sequence[Embedded], most_classes: int = 8, most_found: int = 6) -> list[list[RetrievalRow]]:
    """For each network a query of each of the classes with the lowest MAP@R, the worst first, and what it finds.

    Networks that embed the same images have the same queries: the classes are those with the lowest mean over the
    networks, and the query is the class's median by that mean, so neither its best case nor its worst.

    Args:
      networks: the examples by each network.
      most_classes: rows of each.
      most_found: references in a row.
    """
    of_set: dict[tuple, list[Embedded]] = {}
    for embedded in networks:
        of_set.setdefault(_examples_key(embedded), []).append(embedded)
    queries = {key: list(_median_queries(same).values())[:most_classes] for key, same in of_set.items()}
    return [_rows(embedded, queries[_examples_key(embedded)], most_found) for embedded in networks]


def sample_classes(embedded: Embedded, most_classes: int = 8, most_found: int = 6) -> list[RetrievalRow]:
    """The median query, as of ``worst_classes``, of each of some classes that are evenly spaced among all."""
    queries = sorted(_median_queries([embedded]).items())
    places = np.unique(np.linspace(0, len(queries) - 1, min(most_classes, len(queries))).astype(int))
    return _rows(embedded, [queries[place][1] for place in places], most_found)


def _examples_key(embedded: Embedded) -> tuple:
    examples = embedded.examples
    return (*examples.images.names, *examples.labels, *examples.roles, *examples.class_names)


def _median_queries(networks: Sequence[Embedded]) -> dict[int, int]:
    """By label, the worst class first, its median query among those that all can score, as index in the examples."""
    scores: dict[int, list[float]] = {}
    for embedded in networks:
        result = embedded.result
        indices = embedded.indices[embedded.queries[result.valid]].tolist()
        for index, score in zip(indices, result.per_query[RANKED_BY][result.valid].tolist()):
            scores.setdefault(index, []).append(score)
    by_class: dict[int, list[tuple[float, int]]] = {}
    for index, values in scores.items():
        if len(values) == len(networks):
            by_class.setdefault(int(networks[0].examples.labels[index]), []).append((float(np.mean(values)), index))
    ordered = sorted(by_class.items(), key=lambda item: (np.mean([score for score, _ in item[1]]), item[0]))
    return {label: sorted(scored, key=lambda pair: pair[0])[(len(scored) - 1) // 2][1] for label, scored in ordered}


def _rows(embedded: Embedded, queries: Sequence[int], most_found: int) -> list[RetrievalRow]:
    places = np.array([int(np.flatnonzero(embedded.indices == index)[0]) for index in queries])
    references, per_class = embedded.references, embedded.result.per_class()
    # One more than is shown, as a query may find itself.
    found = nearest_neighbors(embedded.embeddings[places], embedded.embeddings[references], most_found + 1).indices
    rows = []
    for query, neighbors in zip(places, references[found]):
        neighbors = neighbors[neighbors != query][:most_found]
        label, found_labels = int(embedded.labels[query]), embedded.labels[neighbors]
        percent, number = 100 * per_class[label][RANKED_BY], per_class[label]["num_queries"]
        text = f"{embedded.class_names[label]}: {title(RANKED_BY)} {percent:.1f} %, {counted(number, 'query')}"
        names = [_caption(embedded.class_names[found_label]) for found_label in found_labels]
        rows.append(RetrievalRow(text, int(query), neighbors, found_labels == label, names))
    return rows


def _caption(class_name: str) -> list[str]:
    """A name on one line or two; the first is as long as the pictures are wide."""
    name = " ".join(class_name.split())
    first = textwrap.wrap(name, _CAPTION_WIDTH)[0] if name else ""
    rest = name[len(first) :].strip()
    return [first, rest] if rest else [first]
