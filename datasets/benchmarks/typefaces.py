"""Letters drawn with the typefaces that Matplotlib ships: a class is one letter in 16 faces; nothing is downloaded.

The letters are all Latin, Greek and Cyrillic ones that every face has, without look-alikes: a letter is left out if
in one of the faces its image and an earlier letter's differ by less than 3% of the ink of the lighter one (sum of
absolute differences; Latin comes first, then Greek, then Cyrillic). What is left is listed here, so that the classes
are the same whatever draws them.
"""

from __future__ import annotations

import io
import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from datasets.manifest import TEST, TRAIN, Counts, DataError, Entry, Manifest, assemble
from datasets.settings import DataSettings

LATIN = (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçè"
    "éêëìíîïðñòóôõöøùúûüýþÿĀāĂăĄąĆćĈĉĊċČčĎďđĒēĔĕĖėĘęěĜĝĞğĠġĢģĤĥĦħĨĩĪīĬĭĮįİıĲĳĴĵĶķĸĹĺĻļĽľĿŀŁłŃńŅņŇ"
    "ňŉŊŋŌōŎŏŐőŒœŔŕŖŗŘřŚśŜŝŞşŠšŢţŤťŦŧŨũŪūŬŭŮůŰűŲųŴŵŶŷŸŹźŻżŽžſƀƈƐƒƕƙƚƛƞƠơƥƪƫƭƯưƺƻƾǀǁǂǃǼǽǾǿȷɐɑɒɓɔɕɖ"
    "ɗɘəɚɛɜɝɞɟɠɡɢɣɤɥɦɧɨɩɪɫɬɭɮɯɰɱɲɳɴɵɶɷɸɹɺɻɼɽɾɿʀʁʂʃʄʅʆʇʈʉʊʋʌʍʎʏʐʑʒʓʔʕʖʗʘʙʚʛʜʝʞʟʠʡʢʣʤʥʦʧʨẀẁẂẃẄẅỲỳﬁﬂ"
)
GREEK_AND_CYRILLIC = (
    "ΆΈΉΊΌΎΏΐΓΔΘΛΞΠΣΦΨΩάέήίΰβγδζθλμνξπρςστυφχψωϊϋύώϐϑϒϖϘϙϚϛϝϞϟϠϡϰϱϴϵЂЃЄЉЊЋЌЎЏБДЖЗИЙЛУЦЧШЩЪЫЬЭЮЯбг"
    "джйлмфцчщъыьэюяђѓљњќўџѢѣҐґ"
)
FACES = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    *("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
)
EXPECTED = {
    split: Counts(len(letters) * len(FACES), len(letters))
    for split, letters in (("train", LATIN), ("test", GREEK_AND_CYRILLIC))
}
IMAGE_SIZE = 28
_FONT_SIZE = 20  # Pixels to the em, at which the widest letter still fits.
# Letters are drawn this much larger and averaged, so that they change little with the version of FreeType.
_OVERSAMPLING = 4


def load(settings: DataSettings) -> Manifest:
    """368 Latin letters to train on, 118 Greek and Cyrillic ones to evaluate on, black on white, 28 × 28 pixels.

    (DejaVu and STIX fonts; both licences allow any use.) Draws in a second or two.

    Raises:
      DataError: Matplotlib's fonts are not where it should have them.
    """
    fonts = {face: _font(face) for face in FACES}
    letters = [(letter, TRAIN) for letter in LATIN] + [(letter, TEST) for letter in GREEK_AND_CYRILLIC]
    class_names = {letter: f"{letter} U+{ord(letter):04X}" for letter, _ in letters}
    entries = [
        Entry(f"U+{ord(letter):04X}/{face}", class_names[letter], split) for letter, split in letters for face in FACES
    ]
    images = np.stack([draw(letter, fonts[face]) for letter, _ in letters for face in FACES])
    return assemble("typefaces", "", entries, class_names.values(), images[..., np.newaxis])


def draw(letter: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    """[28, 28] uint8: a letter with its ink in the middle, 0 is black."""
    size = IMAGE_SIZE * _OVERSAMPLING
    left, top, right, bottom = font.getbbox(letter)
    image = Image.new("L", (size, size), 255)
    place = ((size - left - right) // 2, (size - top - bottom) // 2)
    ImageDraw.Draw(image).text(place, letter, fill=0, font=font)
    return np.asarray(image.reduce(_OVERSAMPLING))


def _font(face: str) -> ImageFont.FreeTypeFont:
    import matplotlib  # Here, as it is slow to import.

    path = pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf", f"{face}.ttf")
    try:
        # Pillow, given a path that is not there, would take the system's font of that name.
        file = io.BytesIO(path.read_bytes())
        return ImageFont.truetype(file, _FONT_SIZE * _OVERSAMPLING, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise DataError(
            f"typefaces is drawn with the fonts that Matplotlib ships, and {path} cannot be read ({error}). Install "
            "Matplotlib from the Python package index: some distributions' packages leave its fonts out."
        ) from error
