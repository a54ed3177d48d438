"""What failures of an archive's bucket mean, and what a person is to do about each. Without any I/O."""

from __future__ import annotations

import re

from pipeline.errors import StoreAwayError, StoreError

_STATUS = re.compile(r"(?:status code|\(code): (\d{3})")
_CODE = re.compile(r"(?:<Code>|\(code: )([A-Za-z.]{1,80})(?:</Code>|\))")
"""The second forms are those of an answer to a request that deletes many objects."""
_DENIED = frozenset({"AccessDenied", "AuthorizationPermissionMismatch"})
_QUERY = re.compile(r"\?\S*")
"""What may be a signature, in the address that was asked."""
_NOT_FOUND = 404
_BUCKETS = frozenset({"BucketNotFound", "ContainerNotFound", "InvalidBucketName", "NoSuchBucket"})
_OBJECTS = frozenset({"BlobNotFound", "NoSuchKey"})
_OF_OBJECTS = ("read", "look", "delete")
"""What begins the words for calls that need an object; one that writes or lists needs a bucket alone."""
_ELSEWHERE = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "IncorrectEndpoint",
        "PermanentRedirect",
        "TemporaryRedirect",
    }
)
_NO_PLACE = "Received redirect without LOCATION"
_PASSING = frozenset({408, 409, 425, 429})
_SERVER = 500

_BUCKET = "see that the bucket or container exists and is spelt so"
_REGION = "the bucket is in another region, or at another endpoint: set archive_region or archive_endpoint"
_RIGHTS = "see that the credentials hold, and may list, read, write and delete there"
_CLOCK = "this machine's clock is wrong"
_ADVICE = {
    **dict.fromkeys(_BUCKETS, _BUCKET),
    **dict.fromkeys(_ELSEWHERE, _REGION),
    **dict.fromkeys(("RequestExpired", "RequestTimeTooSkewed"), _CLOCK),
    "EntityTooLarge": "it is larger than the store takes",
}


def fault_of(message: str, address: str, what: str) -> Exception:
    """What to raise for a failure that the library describes, of an archive that cannot do `what`.

    ``FileNotFoundError`` for an object that is not there. Of an answer only its status and the store's code are told.
    """
    told = message.partition("\n\nDebug source")[0]
    status = int(found[1]) if (found := _STATUS.search(told)) else 0
    code = found[1] if (found := _CODE.search(told)) else ""
    cannot = f"the archive {address} cannot {what}: "
    if status == _NOT_FOUND and (code in _OBJECTS or (code not in _BUCKETS and what.startswith(_OF_OBJECTS))):
        return FileNotFoundError(what)
    if _NO_PLACE in told:
        return StoreError(f"{cannot}it answers from elsewhere; {_REGION}")
    if not status and code not in _DENIED:
        return StoreAwayError(f"{cannot}{_QUERY.sub('', told)[:300]}")
    answer = f"{cannot}it answers {' '.join(filter(None, (str(status or ''), code)))}"
    if status in _PASSING or status >= _SERVER:
        return StoreAwayError(f"{answer}; it may do so later")
    return StoreError(f"{answer}; {_ADVICE.get(code, _BUCKET if status == _NOT_FOUND else _RIGHTS)}")
