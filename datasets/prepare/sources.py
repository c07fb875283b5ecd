"""The archives of the benchmarks, and where to get them."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Archive:
    """A file that a data set's makers distribute.

    Attributes:
      file_name: as they call it.
      md5: its published sum, if there is one.
      extract_to: its folder, relative to the data set's directory.
      is_optional: whether the data set can be used without it.
    """

    file_name: str
    md5: str | None = None
    extract_to: str = ""
    is_optional: bool = False

    @property
    def is_packed(self) -> bool:
        """Whether it is extracted rather than copied."""
        return self.file_name.endswith((".tgz", ".zip"))


@dataclasses.dataclass(frozen=True)
class Source:
    """What to fetch for a data set.

    Attributes:
      instructions: how to get the archives by hand.
      forms: the sets of archives that each make the data set, the usual one first.
      unpacked: a file that is there where the data need no preparation, as in a clone of a repository.
    """

    instructions: str
    forms: tuple[tuple[Archive, ...], ...]
    unpacked: str = ""


SOURCES = {
    "cub": Source(
        "CUB-200-2011 is one file, CUB_200_2011.tgz, from the California Institute of Technology: its page is "
        "https://www.vision.caltech.edu/datasets/cub_200_2011/, and the file is record 65de6-vp158 of "
        "https://data.caltech.edu.",
        forms=((Archive("CUB_200_2011.tgz", "97eceeb196236b17998738112f37df78"),),),
    ),
    "cars196": Source(
        "Cars196 is two files, car_ims.tgz and cars_annos.mat, or the four files cars_train.tgz, cars_test.tgz, "
        "car_devkit.tgz and cars_test_annos_withlabels.mat. They were distributed on the Stanford AI Lab's page "
        "https://ai.stanford.edu/~jkrause/cars/car_dataset.html, which is gone; take them from a copy elsewhere. "
        "The checksums tell whether it is unchanged.",
        forms=(
            (
                Archive("car_ims.tgz", "d5c8f0aa497503f355e17dc7886c3f14"),
                Archive("cars_annos.mat", "b407c6086d669747186bd1d764ff9dbc"),
            ),
            (
                Archive("cars_train.tgz", "065e5b463ae28d29e77c1b4b166cfe61"),
                Archive("cars_test.tgz", "4ce7ebf6a94d07f1952d94dd34c4d501"),
                Archive("car_devkit.tgz", "c3b158d763b6e2245038c8ad08e45376"),
                Archive("cars_test_annos_withlabels.mat", "b0a2b23655a3edd16d84508592a98d10"),
            ),
        ),
    ),
    "sop": Source(
        "Stanford Online Products is one file, Stanford_Online_Products.zip, from Stanford's Computational Vision "
        "and Geometry Lab: its page is https://cvgl.stanford.edu/projects/lifted_struct/, and the file is "
        "ftp://cs.stanford.edu/cs/cvgl/Stanford_Online_Products.zip.",
        forms=((Archive("Stanford_Online_Products.zip", "7f73d41a2f44250d4779881525aea32e"),),),
    ),
    "inshop": Source(
        "In-Shop is part of DeepFashion, of the Multimedia Laboratory of The Chinese University of Hong Kong, for "
        "non-commercial research: https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion/InShopRetrieval.html. Agree "
        "to its terms there, and from the folder of the In-shop Clothes Retrieval Benchmark fetch Img/img.zip (not "
        "img_highres.zip), Eval/list_eval_partition.txt and, for the boxes, Anno/list_bbox_inshop.txt.",
        forms=(
            (
                Archive("img.zip", extract_to="Img"),
                Archive("list_eval_partition.txt", extract_to="Eval"),
                Archive("list_bbox_inshop.txt", extract_to="Anno", is_optional=True),
            ),
        ),
    ),
    "grocery": Source(
        "Grocery Store is the repository https://github.com/marcusklasson/GroceryStoreDataset: clone it and pass "
        "the clone as --data_dir, or download GroceryStoreDataset-master.zip (130 MB) there.",
        ((Archive("GroceryStoreDataset-master.zip"),),),
        unpacked="dataset/train.txt",
    ),
}
