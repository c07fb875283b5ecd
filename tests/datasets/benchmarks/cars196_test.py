"""Cars196 in both of its forms, in their true layout and at their true size."""

import collections

import numpy as np
from absl.testing import parameterized
from scipy.io import loadmat, savemat

from datasets.benchmarks import cars196
from datasets.checks import check, missing_files
from datasets.manifest import DataError
from tests.support import layouts, pictures
from tests.support.tensors import TensorTest

_SMALL = ((6, 2), (4, 2))


class FullTest(TensorTest):
    def test_all_of_it(self):
        manifest = layouts.load("cars196", layouts.full(self, "cars"))
        check(manifest, cars196.EXPECTED)
        self.assertLen(manifest, 16185)
        self.assertAllEqual(manifest.splits == "train", manifest.labels < 98)
        self.assertEqual((manifest.class_names[0], manifest.class_names[195]), ("001.Car 1 2012", "196.Car 196 2012"))
        # Corners (3, 4) and (20 + i % 5, 25), counted from 1, are pixels 2 … and 3 …, and the last one is inside.
        self.assertAllEqual(manifest.boxes[:2], [[2, 3, 20, 25], [2, 3, 21, 25]])


class SmallTest(TensorTest):
    """Classes 1 and 2 of three images, and 99 and 100 of two."""

    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)

    def build(self, form):
        return layouts.BUILDERS[form](self.folder, _SMALL)

    def load(self):
        return layouts.load("cars196", self.folder)

    def test_one_file(self):
        paths = self.build("cars")
        manifest = self.load()
        self.assertEmpty(missing_files(manifest))
        self.assertEqual(list(manifest.paths), paths)
        self.assertAllEqual(manifest.labels, [0, 0, 0, 1, 1, 1, 2, 2, 3, 3])
        self.assertEqual(
            manifest.class_names, ("001.Car 1 2012", "002.Car 2 2012", "099.Car 99 2012", "100.Car 100 2012")
        )

    def test_both_forms_are_one_data_set(self):
        found = []
        for form in ("cars", "cars_devkit"):
            folder = pictures.folder_for(self)
            layouts.BUILDERS[form](folder, _SMALL)
            manifest = layouts.load("cars196", folder)
            found.append((manifest.class_names, collections.Counter(zip(manifest.labels, manifest.splits))))
        self.assertEqual(*found)

    def test_a_pair_of_files(self):
        paths = self.build("cars_devkit")
        manifest = self.load()
        self.assertEmpty(missing_files(manifest))
        self.assertEqual(list(manifest.paths), paths)
        # Every other image of 0 0 0 1 1 1 2 2 3 3 from the first one on, and from the second one on.
        self.assertAllEqual(manifest.labels, [0, 0, 1, 2, 3, 0, 1, 1, 2, 3])

    @parameterized.parameters("", "devkit", "car_devkit/devkit")
    def test_where_the_pair_is(self, place):
        paths = self.build("cars_devkit")
        (self.folder / place).mkdir(parents=True, exist_ok=True)
        for name in ("devkit/cars_train_annos.mat", "cars_test_annos_withlabels.mat", "devkit/cars_meta.mat"):
            path = self.folder / name
            path.rename(self.folder / place / path.name)
        manifest = self.load()
        self.assertEqual(list(manifest.paths), paths)
        self.assertEqual(manifest.class_names[0], "001.Car 1 2012")

    def test_a_pair_without_names_of_classes(self):
        self.build("cars_devkit")
        (self.folder / "devkit/cars_meta.mat").unlink()
        self.assertEqual(self.load().class_names, ("001", "002", "099", "100"))

    def test_of_both_forms_the_one_whose_images_are_there(self):
        one, pair = self.build("cars"), self.build("cars_devkit")
        self.assertEqual(list(self.load().paths), one)
        (self.folder / "car_ims").rename(self.folder / "elsewhere")
        self.assertEqual(list(self.load().paths), pair)

    @parameterized.parameters(
        ("cars", "cars_annos.mat", "cars_annos.mat"),
        ("cars_devkit", "devkit/cars_train_annos.mat", "cars_train_annos.mat"),
        ("cars_devkit", "cars_test_annos_withlabels.mat", "cars_test_annos_withlabels.mat"),
    )
    def test_a_file_is_missing(self, form, path, name):
        self.build(form)
        (self.folder / path).rename(self.folder / "cars_test_annos.mat")  # As the unlabelled half is called.
        self.assert_refused(rf"cars196 needs the file {name}, and there is none in .*car_devkit/devkit\..*--dataset=")

    @parameterized.parameters(
        ("class", np.uint8(197), "class should be one of 1 … 196; found 197"),
        ("class", 0.0, "class should be one of 1 … 196; found 0"),
        ("class", 2.5, "class should be a whole number; found '2.5'"),
        ("class", "two", "class should be a whole number; found 'two'"),
        ("class", np.array([1, 2]), r"class should be a whole number; found '\[1 2\]'"),
        ("bbox_x1", np.nan, "bbox_x1 should be a number; found 'nan'"),
        ("relative_im_path", "../1.jpg", "relative_im_path should be below the data set's directory; found '../1.jpg'"),
    )
    def test_a_value_of_another_kind(self, field, value, message):
        self.build("cars")
        variables = loadmat(self.folder / "cars_annos.mat")
        variables["annotations"][0, 3][field] = value
        savemat(self.folder / "cars_annos.mat", variables)
        # Structs are counted from 1.
        self.assert_refused(rf"cars_annos\.mat: annotations\(4\): {message}")

    @parameterized.parameters(b"", b"<html>Not found</html>", b"MATLAB 5.0 MAT-file" + b" " * 200)
    def test_no_matlab_file(self, contents):
        (self.folder / "cars_annos.mat").write_bytes(contents)
        self.assert_refused("is damaged, or no MATLAB file")

    @parameterized.parameters(0.2, 0.6, 0.99)
    def test_a_file_that_is_cut_off(self, share):
        self.build("cars")
        path = self.folder / "cars_annos.mat"
        contents = path.read_bytes()
        path.write_bytes(contents[: int(share * len(contents))])
        self.assert_refused("is damaged, or no MATLAB file|holds none")

    @parameterized.parameters(
        ({"other": 1}, "should hold the struct array 'annotations', and holds none"),
        ({"annotations": np.arange(5)}, "should hold the struct array 'annotations', and holds none"),
        ({"annotations": {"class": 1, "fname": "a"}}, "should have the field 'relative_im_path'; it has class, fname"),
    )
    def test_other_variables(self, variables, message):
        savemat(self.folder / "cars_annos.mat", variables)
        self.assert_refused(message)

    def test_a_single_image(self):
        fields = {"relative_im_path": "car_ims/1.jpg", "class": 196.0}  # As doubles whole numbers are welcome, too.
        corners = {"bbox_x1": 1, "bbox_y1": 2, "bbox_x2": 30, "bbox_y2": 40}
        savemat(self.folder / "cars_annos.mat", {"annotations": {**fields, **corners}})
        manifest = self.load()
        self.assertEqual((list(manifest.paths), manifest.class_names), (["car_ims/1.jpg"], ("196",)))
        self.assertAllEqual(manifest.boxes, [[0, 1, 30, 40]])

    def assert_refused(self, message):
        with self.assertRaisesRegex(DataError, message):
            self.load()
