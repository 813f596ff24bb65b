/**
 * The kinds of personal data that are looked for in text, with the names that Presidio gives them, so that users find
 * their way.
 *
 * @module
 */

/** Worth finding everywhere. */
export const CORE_ENTITIES = [
  'CREDIT_CARD',
  'IBAN_CODE',
  'EMAIL_ADDRESS',
  'IP_ADDRESS',
  'MAC_ADDRESS',
  'URL',
  'CRYPTO',
  'PHONE_NUMBER',
  'US_SSN',
  'US_ITIN',
  'US_NPI',
  'US_MBI',
  'ABA_ROUTING_NUMBER',
  'MEDICAL_LICENSE',
  'UK_NHS',
  'UK_NINO',
  'DATE_TIME',
] as const;

/** Numbers and codes of single countries. */
export const COUNTRY_ENTITIES = [
  'AU_ABN',
  'AU_ACN',
  'AU_MEDICARE',
  'AU_TFN',
  'CA_SIN',
  'DE_FUEHRERSCHEIN',
  'DE_HANDELSREGISTER',
  'DE_HEALTH_INSURANCE',
  'DE_KFZ',
  'DE_LANR',
  'DE_PASSPORT',
  'DE_PLZ',
  'DE_SOCIAL_SECURITY',
  'DE_TAX_ID',
  'DE_TAX_NUMBER',
  'DE_VAT_ID',
  'ES_NIE',
  'ES_NIF',
  'ES_PASSPORT',
  'FI_PERSONAL_IDENTITY_CODE',
  'IN_AADHAAR',
  'IN_GSTIN',
  'IN_PAN',
  'IN_PASSPORT',
  'IN_VEHICLE_REGISTRATION',
  'IN_VOTER',
  'IT_DRIVER_LICENSE',
  'IT_FISCAL_CODE',
  'IT_IDENTITY_CARD',
  'IT_PASSPORT',
  'IT_VAT_CODE',
  'KR_BRN',
  'KR_DRIVER_LICENSE',
  'KR_FRN',
  'KR_PASSPORT',
  'KR_RRN',
  'NG_VEHICLE_REGISTRATION',
  'PH_MOBILE_NUMBER',
  'PH_TIN',
  'PL_PESEL',
  'SE_ORGANISATIONSNUMMER',
  'SE_PERSONNUMMER',
  'SG_NRIC_FIN',
  'SG_UEN',
  'TH_TNIN',
  'TR_LICENSE_PLATE',
  'TR_NATIONAL_ID',
  'TR_PHONE_NUMBER',
  'UK_DRIVING_LICENCE',
  'UK_PASSPORT',
  'UK_POSTCODE',
  'UK_VEHICLE_REGISTRATION',
  'US_BANK_NUMBER',
  'US_DRIVER_LICENSE',
  'US_PASSPORT',
  'ZA_ID_NUMBER',
] as const;

/** Found by lists and rules alone: with gaps, see docs/preparation.md for how many. */
export const NAME_ENTITIES = ['PERSON', 'LOCATION', 'NRP'] as const;

/** Every kind. */
export const ENTITY_TYPES = [...CORE_ENTITIES, ...COUNTRY_ENTITIES, ...NAME_ENTITIES] as const;

/** One kind of personal data. */
export type EntityType = (typeof ENTITY_TYPES)[number];

/** Something found. Offsets are UTF-16 code units, as in JavaScript strings; `end` is exclusive. */
export interface PiiSpan {
  readonly type: EntityType;
  readonly start: number;
  readonly end: number;
  /** In (0, 1]: 1 for what a strong check sum confirms. */
  readonly score: number;
}
