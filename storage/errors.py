"""What can go wrong with what is kept.

StorageError
├── NotFound            no such thing for this person
├── Conflict            somebody else changed it first
│   ├── AlreadySigned   the text of a signed report never changes
│   ├── NotSigned       only a signed report can be reviewed or added to
│   ├── ReviewedBefore  one person reviews one report once
│   ├── NameTaken       another user has this name
│   ├── LastAdmin       nobody would be left to manage users
│   ├── Held            the patient may not be erased for now
│   ├── SecondPerson    who asked for it cannot be who decides it
│   └── SeenAlready     an emergency opens only what one does not see anyway
├── OnlyLooking         an emergency opens a patient for looking, not for work
├── OwnersOnly          only who the patient belongs to shares, erases and exports
├── WrongPatient        a picture of another patient was offered to a study
├── UnrecordedChange    a change tried to commit without an audit entry
├── ChainBroken         the audit log does not continue from where it stands
├── KeyMissing          the audit or site key that this database needs is not there
├── KeyExposed          others than its owner may read a key
├── SealBroken          the site's certificate signs no paper that holds
├── NotDurable          the database would acknowledge what a power cut takes away
├── Unreadable          sealed data was altered, cut, or its key was destroyed
├── DatabaseAway        the database cannot be reached or is locked
├── DiskFull            no room; nothing was written
├── WitnessAway         whoever keeps the length of the log elsewhere cannot be reached
├── SpoolFull           no room left to write emergency readings down while the record cannot be
├── SpoolBroken         what waits to go into the record is not as it was written
├── SchemaOld           the schema is that of another version, and this login may not change it
├── NotEmpty            a copy is brought back only where nothing is yet
├── ArchiveBroken       a copy cannot be made whole, or was altered, cut or sealed to somebody else
├── ProgramMissing      a program of the database server is not installed here
├── ScratchFull         no room for another plaintext copy of a slide
├── PasswordTooShort    too short to protect anything
└── TooManyTries        wrong passwords; wait before the next
"""

from typing import Any


class StorageError(Exception):
    """Something that is kept, or should be, is not as it must be."""

    code = "storage.error"

    def __init__(self, **facts: Any):
        detail = ", ".join(f"{name}={value}" for name, value in facts.items())
        super().__init__(f"{self.__doc__}{' ' + detail + '.' if detail else ''}")
        self.facts = facts


class NotFound(StorageError):
    """There is no such thing, or it belongs to somebody else."""

    code = "storage.not_found"


class Conflict(StorageError):
    """It was changed by somebody else meanwhile."""

    code = "storage.conflict"


class AlreadySigned(Conflict):
    """The report is signed; its text never changes."""

    code = "storage.already_signed"


class NotSigned(Conflict):
    """The report is not signed yet."""

    code = "storage.not_signed"


class ReviewedBefore(Conflict):
    """This person reviewed this report before."""

    code = "storage.reviewed_before"


class NameTaken(Conflict):
    """Another user has this name."""

    code = "storage.name_taken"


class LastAdmin(Conflict):
    """Nobody would be left to manage users."""

    code = "storage.last_admin"


class Held(Conflict):
    """The patient is held and may not be erased."""

    code = "storage.held"


class SecondPerson(Conflict):
    """Who asked for it cannot be the one who decides it."""

    code = "storage.second_person"


class OnlyLooking(StorageError):
    """An emergency access is for looking; nothing can be changed, asked, signed or taken out under it."""

    code = "storage.only_looking"


class OwnersOnly(StorageError):
    """Only the person whose patient it is may do this."""

    code = "storage.owners_only"


class SeenAlready(Conflict):
    """The patient is seen by this person already."""

    code = "storage.seen_already"


class WrongPatient(StorageError):
    """The picture belongs to another patient than the study."""

    code = "storage.wrong_patient"


class UnrecordedChange(StorageError):
    """A change was about to commit without an audit entry."""

    code = "storage.unrecorded_change"


class ChainBroken(StorageError):
    """The audit log does not continue from where it stands."""

    code = "storage.chain_broken"


class KeyMissing(StorageError):
    """A key that this database needs is not there."""

    code = "storage.key_missing"


class KeyExposed(StorageError):
    """Others than its owner may read a key; take that right away and consider a new one."""

    code = "storage.key_exposed"


class SealBroken(StorageError):
    """A digital signature of a paper does not hold."""

    code = "storage.seal_broken"


class NotDurable(StorageError):
    """The database is set so that a power cut can take away what it acknowledged."""

    code = "storage.not_durable"


class Unreadable(StorageError):
    """Sealed data was altered or cut, or its key was destroyed."""

    code = "storage.unreadable"


class DatabaseAway(StorageError):
    """The database cannot be reached or is locked."""

    code = "storage.database_away"


class DiskFull(StorageError):
    """There is no room left; nothing was written."""

    code = "storage.disk_full"


class TooManyTries(StorageError):
    """Too many wrong passwords for this account from this place."""

    code = "storage.too_many_tries"


class WitnessAway(StorageError):
    """The witness of the log cannot be reached."""

    code = "storage.witness_away"


class SpoolFull(StorageError):
    """Nothing more can be written down until the record can be written to again."""

    code = "storage.spool_full"


class SpoolBroken(StorageError):
    """What waits to go into the record is not as it was written."""

    code = "storage.spool_broken"


class SchemaOld(StorageError):
    """The database has another schema than this version; run `dragonfly-med migrate`."""

    code = "storage.schema_old"


class NotEmpty(StorageError):
    """Something is there already; a copy is brought back only into an empty place."""

    code = "storage.not_empty"


class ArchiveBroken(StorageError):
    """The copy is not whole, or not ours."""

    code = "storage.archive_broken"


class ProgramMissing(StorageError):
    """A program of the database server is not installed here."""

    code = "storage.program_missing"


class ScratchFull(StorageError):
    """There is no room for another plaintext copy: all that are there are being read, or this one is too large."""

    code = "storage.scratch_full"


class PasswordTooShort(StorageError, ValueError):
    """The password is too short to protect anything."""

    code = "storage.password_too_short"
