"""From a file in any of the formats people have to numbered records, one after the other.

JSON lines, JSON arrays and documents, CSV, Parquet and Arrow; each plain or packed; several of them
in an archive or a folder. Memory stays the same however large the file is.
"""

from labeling.importing.files.folders import Folder
from labeling.importing.files.opening import Records, Source, read_records
from labeling.importing.files.places import Place
from labeling.importing.files.several import Several

__all__ = ["Folder", "Place", "Records", "Several", "Source", "read_records"]
