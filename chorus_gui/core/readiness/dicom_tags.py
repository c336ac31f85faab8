"""The tags of a DICOM header that the check looks at, by what they can give away (DICOM PS3.15, table E.1-1, and PS3.6)."""

from __future__ import annotations

PATIENT: dict[int, str] = {
    0x00081048: "PhysiciansOfRecord",
    0x00080090: "ReferringPhysicianName",
    0x00080092: "ReferringPhysicianAddress",
    0x00080094: "ReferringPhysicianTelephoneNumbers",
    0x00081050: "PerformingPhysicianName",
    0x00081060: "NameOfPhysiciansReadingStudy",
    0x00081070: "OperatorsName",
    0x00100010: "PatientName",
    0x00101000: "OtherPatientIDs",
    0x00101001: "OtherPatientNames",
    0x00101002: "OtherPatientIDsSequence",
    0x00101005: "PatientBirthName",
    0x00101040: "PatientAddress",
    0x00101050: "InsurancePlanIdentification",
    0x00101060: "PatientMotherBirthName",
    0x00101090: "MedicalRecordLocator",
    0x00102154: "PatientTelephoneNumbers",
    0x00102155: "PatientTelecomInformation",
    0x00102297: "ResponsiblePerson",
    0x00321032: "RequestingPhysician",
    0x00380010: "AdmissionID",
    0x00380400: "PatientInstitutionResidence",
    0x00400006: "ScheduledPerformingPhysicianName",
    0x00401010: "NamesOfIntendedRecipientsOfResults",
    0x00402016: "PlacerOrderNumberImagingServiceRequest",
    0x00402017: "FillerOrderNumberImagingServiceRequest",
}
"""Tags that name a person, or lead to one: empty, or replaced."""

PLACE: dict[int, str] = {
    0x00080080: "InstitutionName",
    0x00080081: "InstitutionAddress",
    0x00081010: "StationName",
    0x00081040: "InstitutionalDepartmentName",
    0x00081080: "AdmittingDiagnosesDescription",
    0x00081120: "ReferencedPatientSequence",
    0x00100021: "IssuerOfPatientID",
    0x00101080: "MilitaryRank",
    0x001021B0: "AdditionalPatientHistory",
    0x00102150: "CountryOfResidence",
    0x00102152: "RegionOfResidence",
    0x00104000: "PatientComments",
    0x00181000: "DeviceSerialNumber",
    0x00181002: "DeviceUID",
    0x00181008: "GantryID",
    0x0018700A: "DetectorID",
    0x00184000: "AcquisitionComments",
    0x00204000: "ImageComments",
    0x00324000: "StudyComments",
    0x00380011: "IssuerOfAdmissionID",
    0x00380300: "CurrentPatientLocation",
    0x00384000: "VisitComments",
    0x00400242: "PerformedStationName",
    0x00400243: "PerformedLocation",
    0x00400253: "PerformedProcedureStepID",
    0x00400275: "RequestAttributesSequence",
    0x0040A730: "ContentSequence",
    0x00401001: "RequestedProcedureID",
    0x04000561: "OriginalAttributesSequence",
    0x00880200: "IconImageSequence",
}
"""Tags that can name an institution, a device or, in a comment, anything."""

DATES: dict[int, str] = {
    0x00080012: "InstanceCreationDate",
    0x00080020: "StudyDate",
    0x00080021: "SeriesDate",
    0x00080022: "AcquisitionDate",
    0x00080023: "ContentDate",
    0x0008002A: "AcquisitionDateTime",
    0x00100030: "PatientBirthDate",
    0x00181012: "DateOfSecondaryCapture",
    0x00321000: "ScheduledStudyStartDate",
    0x00380020: "AdmittingDate",
    0x00380030: "DischargeDate",
    0x00400244: "PerformedProcedureStepStartDate",
}

PATIENT_ID, ACCESSION, MODALITY, INSTANCE = 0x00100020, 0x00080050, 0x00080060, 0x00200013
STUDY_UID, SERIES_UID, SOP_CLASS, IMAGE_TYPE = 0x0020000D, 0x0020000E, 0x00080016, 0x00080008
BURNED_IN, CONVERSION, IDENTITY_REMOVED, AGE, STUDY_DATE, ROWS = 0x00280301, 0x00080064, 0x00120062, 0x00101010, 0x00080020, 0x00280010

DOCUMENTS = frozenset(("SR", "DOC", "OT", "KO", "PR"))
DOCUMENT_CLASSES = ("1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.88.")
CAPTURE_CLASS = "1.2.840.10008.5.1.4.1.1.7"
DEFLATED = b"1.2.840.10008.1.2.1.99"
