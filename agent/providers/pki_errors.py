"""How the refusals of agent/pki, and of the storage under it, are told to a client."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from agent.integrity.errors import SourceUnavailableError
from agent.pki import crls, request_info
from agent.pki import enrolment_errors as enrolment
from agent.pki import errors as pki
from agent.pki import http_errors as http
from agent.pki import import_errors as imports
from agent.pki import trustpool_errors as trustpool
from agent.pki import user_key_errors as user_keys
from agent.pki.chain_errors import ChainError
from agent.pki.enrollment import errors as enrollment
from agent.pki.est.client import InvalidLoginError
from agent.pki.http_errors import InvalidVrfError
from agent.pki.requests import InvalidChallengeError, InvalidRequestError
from agent.providers.refusals import Refusal, Refusals
from agent.storage import errors as storage

#: Words for parts of a request: "label", "type" and "size" of a key pair, "fips" for FIPS mode, "fingerprint",
#: "certificates" for pasted ones, "pkcs12" and "password" for a PKCS #12 file, "key", "file", "number" and
#: "announced_type" of a user's key, "challenge" for the password of a request, and the
#: attributes of TrustpointConfig with "url", "vrf" and "username" of its server.
PKI_REFUSALS: Final[Refusals] = MappingProxyType(
    {
        pki.InvalidLabelError: Refusal("invalid-value", "invalid-key-label", "label"),
        pki.ReservedLabelError: Refusal("invalid-value", "reserved-key-label", "label"),
        pki.InvalidKeySizeError: Refusal("invalid-value", "invalid-key-size", "size"),
        pki.KeyGenerationNotSupportedError: Refusal("operation-not-supported", "key-not-supported", "size"),
        pki.NotFipsCompliantError: Refusal("invalid-value", "not-fips-compliant"),
        pki.KeysNotFipsCompliantError: Refusal("operation-failed", "keys-not-fips-compliant", "fips"),
        pki.NoTpmError: Refusal("operation-failed", "tpm-absent"),
        pki.TpmFailedError: Refusal("operation-failed", "tpm-unusable"),
        pki.TpmKeyLostError: Refusal("operation-failed", "tpm-key-lost"),
        pki.TooManyKeysError: Refusal("resource-denied", "too-many-keys"),
        pki.KeyNotFoundError: Refusal("data-missing", "key-not-found", "label"),
        pki.KeyOwnedByConfigurationError: Refusal("access-denied", "key-owned-by-configuration", "label"),
        pki.InvalidSubjectNameError: Refusal("invalid-value", "invalid-subject-name", "subject_name"),
        pki.InvalidAlternativeNamesError: Refusal("invalid-value", "invalid-alternative-name", "alternative_names"),
        pki.InvalidFingerprintError: Refusal("invalid-value", "invalid-fingerprint", "fingerprint"),
        imports.PrivateKeyPastedError: Refusal("invalid-value", "private-key-disclosed", "certificates"),
        imports.PasteTooLargeError: Refusal("too-big", "too-many-certificates", "certificates"),
        imports.PastedCertificatesError: Refusal("invalid-value", "invalid-certificates", "certificates"),
        imports.Pkcs12TooLargeError: Refusal("too-big", "pkcs12-too-large", "pkcs12"),
        imports.Pkcs12UnsupportedError: Refusal("operation-not-supported", "pkcs12-not-supported", "pkcs12"),
        imports.Pkcs12KeyNotSupportedError: Refusal("operation-not-supported", "key-not-supported", "pkcs12"),
        imports.Pkcs12PasswordError: Refusal("invalid-value", "wrong-password", "password"),
        imports.WeakExportPasswordError: Refusal("invalid-value", "weak-password", "password"),
        imports.Pkcs12Error: Refusal("invalid-value", "invalid-pkcs12", "pkcs12"),
        pki.DigestNotSupportedError: Refusal("invalid-value", "digest-not-supported"),
        pki.InvalidTrustpointError: Refusal("invalid-value", "invalid-trustpoint"),
        pki.KeyTooSmallError: Refusal("operation-failed", "key-too-small"),
        pki.NotAuthenticatedError: Refusal("operation-failed", "not-authenticated"),
        pki.NotEnrolledError: Refusal("operation-failed", "not-enrolled"),
        pki.KeyChangedError: Refusal("operation-failed", "key-changed"),
        pki.RootNotValidError: Refusal("operation-failed", "root-not-valid"),
        request_info.InvalidRequestInfoError: Refusal("invalid-value", "invalid-csr-info", "request"),
        request_info.RequestForAnotherKeyError: Refusal("invalid-value", "csr-key-mismatch", "request"),
        user_keys.PrivateKeyGivenError: Refusal(
            "invalid-value",
            "private-key-disclosed",
            "key",
            message="This is a private key, and nothing of it was kept. Treat it as disclosed and replace it; what is"
            " imported is the public key, such as the .pub file beside it.",
        ),
        user_keys.InvalidUserKeyError: Refusal("invalid-value", "invalid-user-key", "key"),
        user_keys.UserKeyNotSupportedError: Refusal("operation-not-supported", "user-key-not-supported", "key"),
        user_keys.UserKeyTypeError: Refusal("invalid-value", "user-key-type", "announced_type"),
        user_keys.UserKeyTwiceError: Refusal("data-exists", "user-key-twice", "key"),
        user_keys.UserKeyNotFoundError: Refusal("data-missing", "user-key-not-found", "number"),
        InvalidChallengeError: Refusal("invalid-value", "invalid-challenge-password", "challenge"),
        InvalidRequestError: Refusal("operation-failed", "invalid-request"),
        ChainError: Refusal("invalid-value", "invalid-chain", "certificates"),
        enrolment.UnsupportedUrlError: Refusal("invalid-value", "invalid-enrollment-url", "url"),
        InvalidVrfError: Refusal("invalid-value", "invalid-vrf", "vrf"),
        InvalidLoginError: Refusal("invalid-value", "invalid-login", "username"),
        enrolment.CaUnreachableError: Refusal("operation-failed", "ca-unreachable"),
        enrolment.AlgorithmNotAllowedError: Refusal("operation-failed", "weak-algorithm"),
        enrolment.EnrolmentError: Refusal("operation-failed", "enrollment-failed"),
        enrollment.EnrollmentUnderWayError: Refusal("in-use", "enrollment-under-way"),
        enrollment.WrongMethodError: Refusal("operation-failed", "wrong-method"),
        enrollment.CertificateTextMissingError: Refusal("missing-element", "certificate-missing", "certificates"),
        enrollment.FingerprintMismatchError: Refusal("invalid-value", "fingerprint-mismatch", "fingerprint"),
        enrollment.ConfigurationChangedError: Refusal("operation-failed", "configuration-changed"),
        enrollment.NothingOfferedError: Refusal("data-missing", "nothing-offered"),
        enrollment.ChallengeMissingError: Refusal("missing-element", "challenge-password-missing", "challenge"),
        enrollment.KeyPairSharedError: Refusal("in-use", "key-pair-shared"),
        enrollment.EnrollmentRejectedError: Refusal("operation-failed", "enrollment-rejected"),
        enrollment.NothingRequestedError: Refusal("data-missing", "nothing-requested"),
        enrollment.CertificateMismatchError: Refusal("invalid-value", "certificate-mismatch", "certificates"),
        enrollment.NothingToRestoreError: Refusal("data-missing", "nothing-to-restore"),
        enrollment.ExportNotAllowedError: Refusal("access-denied", "export-not-allowed"),
        enrollment.UsageKeysNotExportedError: Refusal("operation-not-supported", "usage-keys"),
        enrollment.WrongKeyTypeError: Refusal("invalid-value", "wrong-key-type", "pkcs12"),
        crls.CrlUrlError: Refusal("invalid-value", "invalid-crl-url", "crl_url"),
        crls.CrlError: Refusal("operation-failed", "crl-not-usable"),
        http.InvalidUrlError: Refusal("invalid-value", "invalid-url", "url"),
        trustpool.BundleUrlMissingError: Refusal("missing-element", "bundle-url-missing", "url"),
        trustpool.ImportUnderWayError: Refusal("in-use", "import-under-way"),
        trustpool.BundleNotThereError: Refusal("operation-failed", "bundle-not-there"),
        trustpool.TrustpoolError: Refusal("operation-failed", "bundle-not-usable"),
        http.HttpError: Refusal("operation-failed", "server-unreachable"),
        pki.PkiError: Refusal("operation-failed"),
        SourceUnavailableError: Refusal(
            "operation-failed",
            "no-serial-number",
            message="This device has no serial number that the agent can read: set serial-number to false.",
        ),
        storage.SealingError: Refusal(
            "operation-failed",
            "private-key-unreadable",
            message="The stored private key can't be opened: it is damaged. Generate the key pair again.",
        ),
        storage.ImportFileNameError: Refusal("invalid-value", "not-in-import-folder", "file"),
        storage.ImportFileError: Refusal("operation-failed", "import-file-unusable", "file"),
        storage.StorageError: Refusal(
            "resource-denied",
            "storage-unavailable",
            message="The agent's storage can't be used now, nothing has changed: look into its log and try again.",
        ),
    }
)
