"""Artifacts as files of a directory or objects of a bucket: their sizes, ages and removal, which MLflow's own
interface lacks."""

import os
import pathlib
import shutil
from itertools import batched

# MLflow's name for an incomplete file.
PARTIAL = ".artifact.uploading."
# Keys per request to an object store.
KEYS = 1000


class Folder:
    """Artifacts in a directory."""

    def __init__(self, root):
        self._root = pathlib.Path(root)

    def children(self, path):
        """Names below a path, each with whether it is a folder."""
        try:
            with os.scandir(self._root / path) as found:
                yield from ((one.name, one.is_dir(follow_symlinks=False)) for one in found)
        except (FileNotFoundError, NotADirectoryError):
            return

    def files(self, path):
        """Name, size and time of every file at or below a path."""
        top = self._root / path
        if top.is_file() or top.is_symlink():
            seen = top.lstat()
            yield str(top), seen.st_size, seen.st_mtime
            return
        for folder, _, names in os.walk(top):
            for one in (os.path.join(folder, name) for name in names):
                try:
                    seen = os.lstat(one)
                except FileNotFoundError:
                    continue  # removed meanwhile
                yield one, seen.st_size, seen.st_mtime

    def changed(self, path):
        """When an entry was last added to an empty folder; 0 if that does not count."""
        try:
            return max(os.lstat(folder).st_mtime for folder, _, _ in os.walk(self._root / path))
        except (FileNotFoundError, ValueError):
            return 0

    def remove(self, path):
        """Removes everything at and below a path."""
        target = self._root / path
        try:
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink()
        except FileNotFoundError:
            pass  # a concurrent call did

    def tidy(self, path):
        """Removes a folder if it is empty."""
        try:
            (self._root / path).rmdir()
        except OSError:
            pass

    def partial(self):
        """Incomplete uploads: a function that removes one, size, time."""
        for one, size, at in self.files(""):
            if os.path.basename(one).startswith(PARTIAL):
                yield lambda one=one: pathlib.Path(one).unlink(missing_ok=True), size, at


class Bucket:
    """Artifacts in an object store."""

    def __init__(self, destination, client):
        self._bucket, _, prefix = destination.removeprefix("s3://").partition("/")
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self._client = client

    def _pages(self, operation, **named):
        return self._client.get_paginator(operation).paginate(Bucket=self._bucket, **named)

    def children(self, path):
        below = self._prefix + (path + "/" if path else "")
        for page in self._pages("list_objects_v2", Prefix=below, Delimiter="/"):
            yield from ((one["Prefix"].removeprefix(below).rstrip("/"), True) for one in page.get("CommonPrefixes", []))
            yield from ((one["Key"].removeprefix(below), False) for one in page.get("Contents", []) if one["Key"] != below)

    def files(self, path):
        top = self._prefix + path
        for page in self._pages("list_objects_v2", Prefix=top):
            for one in page.get("Contents", []):
                # The prefix 12 also matches 120.
                if one["Key"] == top or one["Key"].startswith(top + "/"):
                    yield one["Key"], one["Size"], one["LastModified"].timestamp()

    def changed(self, path):
        return 0

    def remove(self, path):
        for keys in batched([key for key, _, _ in self.files(path)], KEYS, strict=False):
            answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True})
            if errors := answer.get("Errors"):
                raise OSError(f"the object store keeps {len(errors)} objects, the first is {errors[0].get('Key')}: {errors[0].get('Code')}")

    def tidy(self, path):
        """Does nothing: a bucket has no folders."""

    def partial(self):
        for page in self._pages("list_multipart_uploads", Prefix=self._prefix):
            for one in page.get("Uploads", []):
                named = {"Key": one["Key"], "UploadId": one["UploadId"]}
                size = sum(part["Size"] for listed in self._pages("list_parts", **named) for part in listed.get("Parts", []))
                yield lambda named=named: self._client.abort_multipart_upload(Bucket=self._bucket, **named), size, one["Initiated"].timestamp()


def store(destination, environment):
    """The artifacts of a server with these environment variables."""
    if not destination.startswith("s3://"):
        return Folder(destination.removeprefix("file://"))
    import boto3
    from botocore.config import Config

    style = environment.get("MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE", "auto")
    return Bucket(destination, boto3.client("s3", endpoint_url=environment.get("MLFLOW_S3_ENDPOINT_URL"), config=Config(s3={"addressing_style": style})))
