"""From an address to the filesystem behind it, by way of fsspec."""

from __future__ import annotations

from typing import Any

import fsspec

from prefect_tuner.errors import InvalidConfiguration

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}


def open_filesystem(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The filesystem that an address names, which remembers no listings, and the path in it.

    Raises:
        InvalidConfiguration: Nothing is known of such an address, what serves it is not installed,
            or it has to be reached to be known and cannot be.
    """
    protocol = fsspec.utils.get_protocol(url)
    options: dict[str, Any] = {}
    if protocol in {"s3", "s3a"}:
        # It would try for minutes; how long is decided here.
        configured = fsspec.config.conf.get("s3", {}).get("config_kwargs", {})
        options["config_kwargs"] = {"retries": {"total_max_attempts": 1}, **configured}
        # Otherwise it asks for an object's size, and then for the folder's, before it reads one.
        options["max_concurrency"] = 1
    try:
        filesystem, path = fsspec.core.url_to_fs(url, use_listings_cache=False, **options)
    except ImportError as error:
        extra = _EXTRAS.get(protocol)
        remedy = f'install it with: pip install "prefect-tuner[{extra}]"' if extra else str(error)
        raise InvalidConfiguration(
            f"storage: {protocol}:// needs a package that is not installed; {remedy}"
        ) from error
    except ValueError as error:
        raise InvalidConfiguration(f"storage: {error}") from error
    except OSError as error:  # Some connect when they are made, as that of ftp:// does.
        reason = error.strerror or error
        raise InvalidConfiguration(
            f"storage: {protocol}:// cannot be reached ({reason}); check the address, or name a "
            "folder"
        ) from error
    if protocol in {"s3", "s3a"}:
        filesystem.retries = 1  # Of an instance that is shared by those with these options alone.
    return filesystem, str(path).rstrip("/")
