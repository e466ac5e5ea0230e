"""The forms of the import page and of the page that maps a file's columns."""

from collections.abc import Iterator
from typing import IO, Any, cast

from django import forms
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import UploadedFile
from django.utils.functional import cached_property

from labeling.importing import MAX_PAIRS, ImportOptions
from labeling.importing.files import Several, Source
from labeling.importing.hub.naming import HubDataset, HubRefused
from labeling.importing.kept.uploads import MAX_FILES, MAX_UPLOAD_BYTES, name_of_all
from labeling.importing.sources.mapping import LONGEST_JSON, ColumnMapping, MappingRefused

PASTED = "pasted rows"


class OptionsForm(forms.Form):
    """Choices for the whole file. They travel from the check to the import as hidden fields."""

    pairs = forms.IntegerField(
        label="Comparisons for each prompt",
        min_value=0,
        max_value=MAX_PAIRS,
        initial=1,
        help_text="Where a prompt comes with two or more responses.",
    )
    tags = forms.CharField(
        label="Tags",
        required=False,
        max_length=300,
        help_text="For every new prompt, with commas between them.",
    )

    skip_bad = forms.BooleanField(
        label="Skip rows with errors",
        required=False,
        help_text="They are counted and listed. Otherwise a file with errors is not imported.",
    )

    def clean_tags(self) -> list[str]:
        tags = [tag.strip() for tag in self.cleaned_data["tags"].split(",")]
        if any(len(tag) > 120 for tag in tags):
            raise forms.ValidationError("A tag has at most 120 characters.")
        return [tag for tag in dict.fromkeys(tags) if tag]

    def options(self, mapping: ColumnMapping | None = None) -> ImportOptions:
        """The choices of a valid form."""
        return ImportOptions(
            pairs=self.cleaned_data["pairs"],
            tags=tuple(self.cleaned_data["tags"]),
            skip_bad=self.cleaned_data["skip_bad"],
            mapping=mapping,
            number_labelers=self.cleaned_data.get("number_labelers", False),
        )


class SeveralFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class SeveralFilesField(forms.FileField):
    """Takes any number of files."""

    widget = SeveralFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        clean_one = super().clean
        given = data if isinstance(data, list | tuple) else [data]
        return [clean_one(one, initial) for one in given if one]


class UploadForm(OptionsForm):
    """Rows come as files, as text or as the id of a data set: one of the three."""

    file = SeveralFilesField(
        label="Files",
        required=False,
        allow_empty_file=True,  # the importer says it better
        help_text="JSONL, JSON, CSV, Parquet or Arrow; plain, packed, or in a .zip or .tar. "
        "Several are one import. Drop them here or choose them.",
    )
    pasted = forms.CharField(
        label="Or paste rows",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="Lines of JSON, a JSON array, or CSV with the names of its columns first.",
    )
    hub_id = forms.CharField(
        label="Or a data set of the hub",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "org/name", "autocapitalize": "off"}),
        help_text="Its id, as on its page. A worker downloads its files of rows; code is not run.",
    )
    hub_config = forms.CharField(label="Configuration", required=False, max_length=100)
    hub_split = forms.CharField(
        label="Split", required=False, max_length=100, help_text="All of them where it is empty."
    )
    hub_revision = forms.CharField(
        label="Revision", required=False, max_length=100, help_text="A branch, tag or commit."
    )
    map_columns = forms.BooleanField(
        label="Say what each column is",
        required=False,
        help_text="It is asked anyway where the columns of a file are not known.",
    )
    field_order = ["file", "pasted", "hub_id", "hub_config", "hub_split", "hub_revision", "pairs",
                   "tags", "skip_bad", "map_columns"]  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("file", "pasted", "hub_id"):
            self.fields[name].is_one_of_several = True  # type: ignore[attr-defined]

    def clean_file(self) -> list[UploadedFile]:
        files: list[UploadedFile] = self.cleaned_data["file"]
        if len(files) > MAX_FILES:
            raise forms.ValidationError(f"At most {MAX_FILES} files at once. Pack them in a .zip.")
        if sum(file.size or 0 for file in files) > MAX_UPLOAD_BYTES:
            what = "The file is" if len(files) == 1 else "The files are together"
            raise forms.ValidationError(
                f"{what} larger than {MAX_UPLOAD_BYTES // 2**20} MB. Pack it, or "
                "use manage.py import_data on the server."
            )
        return files

    def clean(self) -> dict[str, Any]:
        given = [name for name in ("file", "pasted", "hub_id") if self.cleaned_data.get(name)]
        if not given and not self.errors:
            self.add_error("file", "Choose a file, paste rows or name a data set.")
        if len(given) > 1:
            self.add_error(given[-1], "Give one of the three: files, pasted rows or a data set.")
        for name in ("hub_config", "hub_split", "hub_revision"):
            if self.cleaned_data.get(name) and "hub_id" not in given:
                self.add_error(name, "Goes with the id of a data set.")
        if given == ["hub_id"]:
            names = ("id", "config", "split", "revision")
            try:
                self.dataset = HubDataset(**{n: self.cleaned_data[f"hub_{n}"] for n in names})
            except HubRefused as fault:
                self.add_error("hub_id", str(fault))
        return self.cleaned_data

    dataset: HubDataset | None = None

    @cached_property
    def uploads(self) -> "list[tuple[str, File[bytes]]]":
        """What was given as files or as text, by name."""
        if text := self.cleaned_data["pasted"]:
            # A browser sends line feeds as carriage returns with line feeds.
            content = text.replace("\r\n", "\n").encode(errors="surrogatepass")
            return [(PASTED, ContentFile(content))]
        return [(file.name or "upload", file) for file in self.cleaned_data["file"]]

    @property
    def name(self) -> str:
        return name_of_all([name for name, _ in self.uploads])

    @property
    def size(self) -> int:
        return sum(file.size for _, file in self.uploads)

    @property
    def source(self) -> Source:
        """The files, as the importer reads them."""
        if len(self.uploads) == 1:
            return cast(Source, self.uploads[0][1])
        return Several([(name, cast(IO[bytes], file)) for name, file in self.uploads])

    def chunks(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The files' bytes, from their beginnings."""
        for name, file in self.uploads:
            yield name, file.chunks()


class ConfirmForm(OptionsForm):
    token = forms.CharField(max_length=32)
    name = forms.CharField(max_length=300)
    mapping = forms.CharField(required=False, max_length=LONGEST_JSON)
    number_labelers = forms.BooleanField(required=False)

    def clean_mapping(self) -> ColumnMapping | None:
        text = self.cleaned_data["mapping"]
        try:
            return ColumnMapping.from_json(text) if text else None
        except MappingRefused as fault:
            raise forms.ValidationError(str(fault)) from fault
