"""A CSV file of images: what is read, and which line an error names."""

from absl.testing import parameterized

from datasets.checks import check, missing_files
from datasets.manifest import Counts, DataError
from tests.support import layouts, pictures
from tests.support.tensors import TensorTest

_FOUR = "path,label\na.jpg,x10\nb.jpg,x9\nc.jpg,x1\nd.jpg,x2\n"


class CsvTest(TensorTest):
    def setUp(self):
        super().setUp()
        self.root = pictures.folder_for(self)
        self.path = self.root / "list.csv"

    def load(self, text, **options):
        self.path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return layouts.load("csv", manifest=str(self.path), **options)

    @parameterized.parameters(
        _FOUR,
        "\ufeff" + _FOUR,
        _FOUR.replace("\n", "\r\n"),
        _FOUR.replace("\n", "\n\n").replace(",", " ,  "),
        _FOUR.replace("a.jpg", '"a.jpg"').replace("label", '"label"'),
        "label,path\nx10,./a.jpg\nx9,e/../b.jpg\nx1,c.jpg\nx2,d.jpg",
    )
    def test_without_splits_the_last_classes_are_for_test(self, text):
        manifest = self.load(text)
        self.assertEqual(list(manifest.paths), ["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
        self.assertEqual(manifest.class_names, ("x1", "x2", "x9", "x10"))
        self.assertAllEqual(manifest.labels, [3, 2, 0, 1])
        self.assertEqual(list(manifest.splits), ["test", "test", "train", "train"])
        self.assertIsNone(manifest.boxes)
        check(manifest)

    def test_folders_as_windows_writes_them(self):
        with self.assertRaisesRegex(DataError, r"csv:2: there is no file 'x\\\\a.jpg'. If \\ .* write / in its place"):
            self.load(_FOUR.replace("a.jpg", "x\\a.jpg"))
        (self.root / "x\\a.jpg").touch()
        self.assertEqual(self.load(_FOUR.replace("a.jpg", "x\\a.jpg")).paths[0], "x\\a.jpg")

    def test_all_columns(self):
        manifest = self.load(
            "split,role,path,label,left,top,right,bottom\n"
            "train,,a.jpg,one,0,1,2,3\n"
            "val,,b.jpg,one,0.5,1,2.5,3\n"
            "validation,,c.jpg,two,0,1,2,3\n"
            "test,query,d.jpg,three,0,1,2,3\n"
            "test,gallery,e.jpg,three,-1.5,1,2,3\n"
        )
        one = Counts(1, 1)
        self.assertEqual(manifest.counts(), {"train": one, "validation": Counts(2, 2), "query": one, "gallery": one})
        # Half pixels count whole.
        self.assertAllEqual(manifest.boxes, [[0, 1, 2, 3], [0, 1, 3, 3], [0, 1, 2, 3], [0, 1, 2, 3], [-2, 1, 2, 3]])
        check(manifest)

    def test_values_with_commas_quotes_and_breaks(self):
        manifest = self.load('path,label\n"a,b.jpg","say ""x"""\nc d.jpg,"two\nlines"\ne.jpg,é\nf.jpg,z\n')
        self.assertEqual(list(manifest.paths), ["a,b.jpg", "c d.jpg", "e.jpg", "f.jpg"])
        self.assertEqual(manifest.class_names, ('say "x"', "two\nlines", "z", "é"))

    def test_where_paths_start(self):
        (self.root / "pictures").mkdir()
        for folder in (self.root, self.root / "pictures"):
            for name in "abcd":
                (folder / f"{name}.jpg").write_bytes(pictures.file_of(pictures.photograph().resize((9, 9)), "JPEG"))
        self.assertEqual(self.load(_FOUR).root, str(self.root))
        self.assertEmpty(missing_files(self.load(_FOUR)))
        (self.root / "a.jpg").unlink()
        self.assertAllEqual(missing_files(self.load(_FOUR)), [0])
        self.assertEmpty(missing_files(self.load(_FOUR, data_dir=str(self.root / "pictures"))))

    def test_absolute_paths(self):
        text = _FOUR.replace("a.jpg", f"{self.root}/e/../f/a.jpg")
        self.assertEqual(self.load(text).paths[0], "f/a.jpg")
        with self.assertRaisesRegex(DataError, rf"list\.csv:2: '{self.root}/e/.*a.jpg' is not below .*--data_dir"):
            self.load(text, data_dir=str(self.root / "e"))

    @parameterized.parameters(
        ("", 1, "there is no column 'path'. The columns are path, label, split"),
        ("\n\n", 1, "there is no column 'path'"),
        ("path\na.jpg", 1, "there is no column 'label'"),
        ("a.jpg,x\nb.jpg,y", 1, "unknown columns 'a.jpg', 'x'. The columns are"),
        ("Path,label\na.jpg,x", 1, "unknown columns 'Path'. The columns are"),
        ("path,label,\na.jpg,x,", 1, "unknown columns ''"),
        ("path;label\na.jpg;x", 1, "unknown columns 'path;label'.* separated by commas"),
        ("path,label,path\na.jpg,x,b.jpg", 1, "a column occurs twice"),
        ("path,label,left,top\na.jpg,x,1,2", 1, "a box needs all of left, top, right, bottom"),
        ("path,label,role\na.jpg,x,query", 1, "add the column 'split'"),
        ("path,label\na.jpg,x\nb.jpg", 3, "expected 2 values .path, label.; found 1"),
        ("path,label\na.jpg,x\n\nb.jpg,y,z", 4, "expected 2 values .path, label.; found 3"),
        ("path,label\n ,x", 2, "the path is empty"),
        ('path,label\na.jpg,x\nb.jpg,""', 3, "the label is empty"),
        ("path,label\n../a.jpg,x", 2, "'../a.jpg' is not below"),
        ("path,label\na/../../a.jpg,x", 2, "is not below"),
        ("path,label\n.,x\n..,x", 3, "is not below"),
        ("path,label,split\na.jpg,x,Train", 2, "split should be one of train, val, validation, test; found 'Train'"),
        ("path,label,split\na.jpg,x,", 2, "split should be one of .*; found ''"),
        ("path,label,split,role\na.jpg,x,test,probe", 2, "role should be one of query, gallery; found 'probe'"),
        ("path,label,split,role\na.jpg,x,train,query", 2, "only test images are query or gallery; this one is in 'tra"),
        ("path,label,left,top,right,bottom\na.jpg,x,1,2,3,", 2, r"a box is four numbers .*; found \['1', '2', '3', ''"),
        ("path,label,left,top,right,bottom\na.jpg,x,1,2,3,nan", 2, "a box is four numbers"),
        ('path,label\na.jpg,"x\nb.jpg,y', 3, "not CSV"),
        ('path,label\n"a"b.jpg,x', 2, "not CSV"),
        ("path,label\na.jpg,\xe9".encode("latin-1"), 2, "not UTF-8"),
        ("path,label\na.jpg,x\0", 2, "is in no text file"),
    )
    def test_what_is_refused(self, text, line, message):
        with self.assertRaisesRegex(DataError, rf"list\.csv:{line}: .*{message}"):
            self.load(text)

    def test_a_box_for_some_only(self):
        with self.assertRaisesRegex(DataError, "either every image has a box or none; 1 of 2 have one"):
            self.load("path,label,split,left,top,right,bottom\na.jpg,x,train,1,2,3,4\nb.jpg,y,test,,,,")

    def test_all_classes_for_training(self):
        manifest = self.load("path,label\na.jpg,x\nb.jpg,y\n", test_fraction=0.0)
        self.assertEqual(list(manifest.splits), ["train", "train"])
        with self.assertRaisesRegex(DataError, "has test images, and --test_fraction=0 trains on all classes"):
            self.load("path,label,split\na.jpg,x,train\nb.jpg,y,test\n", test_fraction=0.0)

    def test_without_labels(self):
        manifest = self.load("path\na.jpg\nb.jpg\n", labels="none")
        self.assertEqual((manifest.class_names, list(manifest.splits)), (("a.jpg", "b.jpg"), ["train"] * 2))
        # Labels of training images do not count, and test images need one.
        rows = "path,split,label\nb.jpg,train,\na.jpg,train,x\nc.jpg,test,x\n"
        self.assertEqual(self.load(rows, labels="none").class_names, ("a.jpg", "b.jpg", "x"))
        with self.assertRaisesRegex(DataError, r"list\.csv:5: the label is empty"):
            self.load(rows + "d.jpg,test,\n", labels="none")

    def test_no_images(self):
        with self.assertRaisesRegex(DataError, "there are no examples"):
            self.load("path,label\n")

    def test_an_image_twice_does_not_pass_the_check(self):
        with self.assertRaisesRegex(DataError, "no image may occur twice; 1 do: a.jpg"):
            check(self.load("path,label,split\na.jpg,x,train\n./a.jpg,y,test\n"))

    def test_no_file(self):
        with self.assertRaisesRegex(DataError, "list.csv cannot be read: No such file or directory"):
            layouts.load("csv", manifest=str(self.path))
