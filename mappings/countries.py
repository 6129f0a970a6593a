"""Country names people type, and the ISO 3166 alpha-2 code they mean (Kosovo: the usual XK).

A line is a code, then names; the first name of a code is its English short name.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_TABLE = """
AD Andorra
AE United Arab Emirates|ARE|UAE|U.A.E.|Emirates
AF Afghanistan
AG Antigua and Barbuda
AI Anguilla
AL Albania
AM Armenia
AO Angola
AQ Antarctica
AR Argentina|ARG
AS American Samoa
AT Austria|AUT|Österreich|Oesterreich|Autriche
AU Australia|AUS|Australien
AW Aruba
AX Åland Islands
AZ Azerbaijan
BA Bosnia and Herzegovina|Bosnia
BB Barbados
BD Bangladesh|BGD
BE Belgium|BEL|België|Belgique|Belgien
BF Burkina Faso
BG Bulgaria|BGR|България|Bulgarien
BH Bahrain
BI Burundi
BJ Benin
BL Saint Barthélemy
BM Bermuda
BN Brunei|Brunei Darussalam
BO Bolivia|Plurinational State of Bolivia
BQ Bonaire, Sint Eustatius and Saba
BR Brazil|BRA|Brasil|Brasilien
BS Bahamas|Bahamas, The
BT Bhutan
BV Bouvet Island
BW Botswana
BY Belarus
BZ Belize
CA Canada|CAN|Kanada
CC Cocos (Keeling) Islands|Cocos Islands
CD Democratic Republic of the Congo|The Democratic Republic Of Congo|DR Congo
CD DRC|Congo-Kinshasa|Congo, Democratic Republic of the
CF Central African Republic
CG Republic of the Congo|Congo|Congo-Brazzaville
CH Switzerland|CHE|Schweiz|Suisse|Svizzera|Suiza
CI Côte d'Ivoire|Ivory Coast|Cote dIvoire
CK Cook Islands
CL Chile|CHL
CM Cameroon
CN China|CHN|People's Republic of China|PRC|中国|Mainland China
CO Colombia|COL
CR Costa Rica
CU Cuba
CV Cabo Verde|Cape Verde
CW Curaçao
CX Christmas Island
CY Cyprus
CZ Czechia|CZE|Czech Republic|Česko|Česká republika|Tschechien
DE Germany|DEU|Deutschland|Federal Republic of Germany|Allemagne|Alemania
DJ Djibouti
DK Denmark|DNK|Danmark|Dänemark
DM Dominica
DO Dominican Republic
DZ Algeria
EC Ecuador
EE Estonia|EST|Eesti|Estland
EG Egypt|EGY
EH Western Sahara
ER Eritrea
ES Spain|ESP|España|Spanien|Espagne
ET Ethiopia
FI Finland|FIN|Suomi|Finnland
FJ Fiji
FK Falkland Islands|Falkland Islands (Malvinas)|Islas Malvinas
FM Micronesia|Federated States of Micronesia
FO Faroe Islands
FR France|FRA|Frankreich|Francia
GA Gabon
GB United Kingdom|UK|U.K.|GBR|Great Britain|Britain|England
GB Scotland|Wales|Northern Ireland|Vereinigtes Königreich|Royaume-Uni|Reino Unido|Großbritannien
GD Grenada
GE Georgia
GF French Guiana
GG Guernsey
GH Ghana
GI Gibraltar
GL Greenland
GM Gambia|Gambia, The
GN Guinea
GP Guadeloupe
GQ Equatorial Guinea
GR Greece|GRC|Hellas|Ελλάδα|Griechenland
GS South Georgia and the South Sandwich Islands
GT Guatemala
GU Guam
GW Guinea-Bissau
GY Guyana
HK Hong Kong|HKG|Hong Kong SAR|香港
HM Heard Island and McDonald Islands
HN Honduras
HR Croatia|HRV|Hrvatska|Kroatien
HT Haiti
HU Hungary|HUN|Magyarország|Ungarn
ID Indonesia|IDN
IE Ireland|IRL|Éire|Republic of Ireland|Irland
IL Israel|ISR
IM Isle of Man
IN India|IND|Bharat|भारत|Indien
IO British Indian Ocean Territory
IQ Iraq
IR Iran|IRN|Islamic Republic of Iran|Iran, Islamic Republic of
IS Iceland|ISL|Ísland
IT Italy|ITA|Italia|Italien|Italie
JE Jersey
JM Jamaica
JO Jordan
JP Japan|JPN|日本|Nippon
KE Kenya|KEN
KG Kyrgyzstan
KH Cambodia
KI Kiribati
KM Comoros
KN Saint Kitts and Nevis|St. Kitts and Nevis
KP North Korea|PRK|Democratic People's Republic of Korea
KR South Korea|KOR|Korea|Republic of Korea|Korea, Republic of|Korea (South)|대한민국
KW Kuwait
KY Cayman Islands
KZ Kazakhstan
LA Laos|Lao People's Democratic Republic
LB Lebanon
LC Saint Lucia|St. Lucia
LI Liechtenstein
LK Sri Lanka
LR Liberia
LS Lesotho
LT Lithuania|LTU|Lietuva|Litauen
LU Luxembourg|LUX|Luxemburg
LV Latvia|LVA|Latvija|Lettland
LY Libya
MA Morocco
MC Monaco
MD Moldova|Republic of Moldova|Moldova, Republic of
ME Montenegro
MF Saint Martin|Saint Martin (French part)
MG Madagascar
MH Marshall Islands
MK North Macedonia|Macedonia|Republic of North Macedonia
ML Mali
MM Myanmar|Burma
MN Mongolia
MO Macao|Macau
MP Northern Mariana Islands
MQ Martinique
MR Mauritania
MS Montserrat
MT Malta
MU Mauritius
MV Maldives
MW Malawi
MX Mexico|MEX|México|Mexiko
MY Malaysia|MYS
MZ Mozambique
NA Namibia
NC New Caledonia
NE Niger
NF Norfolk Island
NG Nigeria|NGA
NI Nicaragua
NL Netherlands|NLD|Holland|The Netherlands|Nederland|Niederlande|Pays-Bas
NO Norway|NOR|Norge|Noreg|Norwegen
NP Nepal
NR Nauru
NU Niue
NZ New Zealand|NZL|Aotearoa|Neuseeland
OM Oman
PA Panama
PE Peru|PER|Perú
PF French Polynesia
PG Papua New Guinea
PH Philippines|PHL|The Philippines
PK Pakistan|PAK
PL Poland|POL|Polska|Polen|Pologne
PM Saint Pierre and Miquelon
PN Pitcairn Islands|Pitcairn
PR Puerto Rico
PS Palestine|State of Palestine|Palestinian Territory|Palestine, State of
PT Portugal|PRT
PW Palau
PY Paraguay
QA Qatar
RE Réunion
RO Romania|ROU|România|Rumänien
RS Serbia|SRB|Srbija|Србија
RU Russia|RUS|Russian Federation|Россия|Russland
RW Rwanda
SA Saudi Arabia|SAU|KSA|Kingdom of Saudi Arabia
SB Solomon Islands
SC Seychelles
SD Sudan
SE Sweden|SWE|Sverige|Schweden|Suède
SG Singapore|SGP
SH Saint Helena
SI Slovenia|SVN|Slovenija|Slowenien
SJ Svalbard and Jan Mayen
SK Slovakia|SVK|Slovak Republic|Slovensko|Slowakei
SL Sierra Leone
SM San Marino
SN Senegal
SO Somalia
SR Suriname
SS South Sudan
ST São Tomé and Príncipe
SV El Salvador
SX Sint Maarten|Sint Maarten (Dutch part)
SY Syria|Syrian Arab Republic
SZ Eswatini|Swaziland
TC Turks and Caicos Islands
TD Chad
TF French Southern Territories
TG Togo
TH Thailand|THA
TJ Tajikistan
TK Tokelau
TL Timor-Leste|East Timor
TM Turkmenistan
TN Tunisia
TO Tonga
TR Türkiye|TUR|Turkey|Türkei|Turkiye
TT Trinidad and Tobago
TV Tuvalu
TW Taiwan|TWN|Taiwan, Province of China|臺灣|台灣|Republic of China
TZ Tanzania|United Republic of Tanzania|Tanzania, United Republic of
UA Ukraine|UKR|Україна
UG Uganda
UM United States Minor Outlying Islands
US United States|United States of America|USA|U.S.|U.S.A.
US America|Vereinigte Staaten|USA (United States)|Estados Unidos|États-Unis
UY Uruguay
UZ Uzbekistan
VA Vatican City|Vatican|Holy See
VC Saint Vincent and the Grenadines|St. Vincent and the Grenadines
VE Venezuela|Bolivarian Republic of Venezuela|Venezuela, Bolivarian Republic of
VG British Virgin Islands|Virgin Islands, British
VI U.S. Virgin Islands|US Virgin Islands|Virgin Islands, U.S.
VN Vietnam|VNM|Viet Nam|Việt Nam
VU Vanuatu
WF Wallis and Futuna
WS Samoa
XK Kosovo
YE Yemen
YT Mayotte
ZA South Africa|ZAF|RSA|Südafrika
ZM Zambia
ZW Zimbabwe
"""


def _fold(text: str) -> str:
    """Without case, accents, dots, doubled spaces and a leading "the"."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    words = bare.casefold().replace(".", "").replace("&", "and").replace("’", "'").split()
    return " ".join(words[1:] if len(words) > 1 and words[0] == "the" else words)


def _tables() -> tuple[dict[str, str], dict[str, str]]:
    names: dict[str, str] = {}
    codes: dict[str, str] = {}
    for line in _TABLE.strip().splitlines():
        code, _, rest = line.partition(" ")
        known = rest.split("|")
        names.setdefault(code, known[0])
        codes[code.casefold()] = code
        for name in known:
            codes[_fold(name)] = code
    return names, codes


NAMES, _CODES = _tables()
"""ISO code -> English short name."""


@lru_cache(maxsize=4096)
def code_of(text: str) -> str | None:
    """The ISO 3166 alpha-2 code that a name or code in any case means; None when nobody knows."""
    bare = text.strip()
    if len(bare) < 3:
        return bare.upper() if bare.isascii() and bare.upper() in NAMES else _CODES.get(bare.casefold())
    return _CODES.get(_fold(text)) if len(text) <= 100 else None


def name_of(code: str) -> str | None:
    """The English short name of a code."""
    return NAMES.get(code.upper())
