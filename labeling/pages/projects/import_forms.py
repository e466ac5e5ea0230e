"""The forms of the import page and of the page that maps a file's columns."""

from django import forms
from django.core.files.uploadedfile import UploadedFile

from labeling.importing import MAX_PAIRS
from labeling.importing.sources.mapping import LONGEST_JSON, ColumnMapping, MappingRefused
from labeling.importing.uploads import MAX_UPLOAD_BYTES


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


class UploadForm(OptionsForm):
    file = forms.FileField(
        label="File",
        allow_empty_file=True,  # the importer says it better
        help_text="JSONL, JSON, CSV, Parquet or Arrow; plain, packed, or in a .zip or .tar. Drop "
        "it here or choose it.",
    )
    map_columns = forms.BooleanField(
        label="Say what each column is",
        required=False,
        help_text="It is asked anyway where the columns of a file are not known.",
    )
    field_order = ["file", "pairs", "tags", "skip_bad", "map_columns"]

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MAX_UPLOAD_BYTES:
            raise forms.ValidationError(
                f"The file is larger than {MAX_UPLOAD_BYTES // 2**20} MB. Pack it, or "
                "use manage.py import_data on the server."
            )
        return file


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
