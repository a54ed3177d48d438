"""What a store's failures mean: the object's own fault, or a store that will do better later. Without any I/O."""

from __future__ import annotations

import re

from pipeline.errors import ItemError, Reason, RetryError
from pipeline.rules.flow.denials import Denials

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([\w.]{1,80})</Code>")
_QUERY = re.compile(r"\?\S*")
"""What may be a signature, in the address that was asked."""
_NOT_FOUND = 404
_PASSING = frozenset({401, 407, 408, 425, 429})
_CLIENT, _SERVER = 400, 500

_STORES_OWN = frozenset(
    """
    AccountIsDisabled AccountProblem AllAccessDisabled AuthenticationFailed AuthorizationFailure
    AuthorizationHeaderMalformed AuthorizationPermissionMismatch AuthorizationServiceMismatch
    AuthorizationSourceIPMismatch BucketNotFound ContainerBeingDeleted ContainerNotFound CredentialsNotSupported
    ExpiredToken IllegalLocationConstraintException IncorrectEndpoint InvalidAccessKeyId InvalidAuthenticationInfo
    InvalidBucketName InvalidSecurity InvalidToken MissingSecurityHeader NoAuthenticationInformation NoSuchBucket
    NotSignedUp PermanentRedirect PublicAccessNotPermitted RequestExpired RequestTimeTooSkewed RequestTimeout
    SignatureDoesNotMatch TemporaryRedirect TokenRefreshRequired UserProjectAccountProblem UserProjectMissing
    """.split()  # noqa: SIM905 - one word below the other would fill the screen
)
"""Codes of S3, GCS and Azure that speak of the bucket, the account or our credentials, and never of one object."""


def judged(message: str, store: str, denials: Denials) -> ItemError:
    """What to raise for a failure that the library describes: `RetryError` for what may pass, `ItemError` else.

    Of an answer only its status and the store's own code are told.
    """
    told = message.partition("\n\nDebug source")[0]
    status = int(found[1]) if (found := _STATUS.search(told)) else 0
    code = found[1] if (found := _CODE.search(told)) else ""
    if status == 0:
        return RetryError(Reason.FETCH_FAILED, f"{store} cannot be fetched from: {_QUERY.sub('', told)[:300]}")
    answer = f"{store} answers {status}" + (f" {code}" if code else "")
    if status in _PASSING or not _CLIENT <= status < _SERVER or code in _STORES_OWN:
        return RetryError(Reason.FETCH_FAILED, f"{answer}; see that the bucket exists and the credentials hold")
    if status == _NOT_FOUND:
        denials.answered()
        return ItemError(Reason.FETCH_FAILED, answer)
    if denials.denied():
        return ItemError(Reason.FETCH_FAILED, answer)
    return RetryError(Reason.FETCH_FAILED, f"{answer} to everything; see that the credentials may read from it")
