"""The classes with the lowest scores, and what their queries find."""

from __future__ import annotations

import numpy as np

from evaluate.embedded import Embedded
from evaluate.figures.retrieval import RetrievalRow
from evaluate.metrics.registry import title
from evaluate.search import nearest_neighbors

RANKED_BY = "map_at_r"


def worst_classes(embedded: Embedded, most_classes: int = 8, most_found: int = 6) -> list[RetrievalRow]:
    """A query of each of the classes with the lowest MAP@R, the worst first, and its nearest references.

    The query is the class's median by MAP@R, so neither its best case nor its worst.

    Args:
      embedded: the examples.
      most_classes: rows.
      most_found: references in a row.
    """
    result = embedded.result
    queries, scores = embedded.queries[result.valid], result.per_query[RANKED_BY][result.valid]
    classes = sorted(result.per_class().items(), key=lambda entry: entry[1][RANKED_BY])[:most_classes]
    medians = []
    for label, _ in classes:
        of_class = np.flatnonzero(embedded.labels[queries] == label)
        medians.append(queries[of_class[np.argsort(scores[of_class], kind="stable")[(len(of_class) - 1) // 2]]])
    references = embedded.references
    # One more than is shown, as a query may find itself.
    found = nearest_neighbors(embedded.embeddings[medians], embedded.embeddings[references], most_found + 1).indices
    rows = []
    for (label, means), query, neighbors in zip(classes, medians, references[found]):
        neighbors = neighbors[neighbors != query][:most_found]
        percent, number = 100 * means[RANKED_BY], means["num_queries"]
        text = f"{embedded.class_names[label]}: {title(RANKED_BY)} {percent:.1f} %, {number} queries"
        found_labels = embedded.labels[neighbors]
        names = [(embedded.class_names[found_label],) for found_label in found_labels]
        rows.append(RetrievalRow(text, int(query), neighbors, found_labels == label, names))
    return rows
