"""Word lists of the seeded world. Domains end in `.example` (RFC 2606), phone numbers come from the ranges that the
numbering authorities keep for fiction: nobody real can be reached by a mistake."""

from __future__ import annotations

from dataclasses import dataclass

GIVEN = tuple(
    """Ada Adam Agnes Aisha Alan Alejandro Alice Amara Amélie Amir Ana André Andrea Anna Anneliese Antoine Arjun Aurélie
    Ayşe Barbara Beatriz Ben Björn Brigitte Bruno Camille Carlos Carmen Catherine Chiara Chloé Christine Claire Clara
    Claudia Daniel David Deepa Diego Dmitri Dorothy Eduardo Elena Élodie Emma Enrique Erik Esra Esther Fatima Felix
    Fernando Fiona François Frank Frédéric Gabriela George Giulia Grace Greta Guillaume Hannah Hans Harriet Heather
    Heinrich Helena Hélène Henry Hugo Ibrahim Inês Ingrid Irene Isabella Ivan Jack Jakub James Jana Jasmine Javier
    Jean-Luc Jennifer Jérôme Jessica João Johanna John José Josephine Juan Julia Jürgen Karen Karl Katarzyna Katherine
    Kenji Kevin Khadija Klaus Krzysztof Lars Laura Léa Leila Liam Lin Linda Łukasz Lucía Lucy Luis Magdalena Maja Manuel
    Marek Margaret María Marie-Claire Mario Mark Marta Martin Mary Matteo Mei Michael Miguel Mohammed Mónica Nadia Naomi
    Natalia Ngozi Nicolás Nina Noah Noémie Nora Oğuz Olga Oliver Olivia Omar Oscar Øyvind Pablo Paola Patricia Paul
    Pedro Peter Philip Pierre Priya Rachel Rafael Rahul Raúl Rebecca René Ricardo Richard Rob Robert Rosa Ruth Ryan Sara
    Şebnem Sean Sergio Siobhán Sofia Sophie Søren Stefan Stephen Susan Svetlana Sven Tariq Teresa Thérèse Thomas Tim Tom
    Tomáš Umar Ursula Valentina Vera Victor Vikram Violet Walter Wei William Xavier Xin Yasmin Yuki Yusuf Zoë
    Zsófia""".split()
)

FAMILY = tuple(
    "Adams|Ahmed|Akkaya|Alvarez|Anderson|Andersson|Bailey|Baker|Barbieri|Bauer|Becker|Bell|Bennett|Berg|Bernard|Bianchi"
    "|Blanc|Bonnet|Brown|Bühler|Çelik|Chan|Chen|Clark|Clarke|Cohen|Collins|Colombo|Cooper|Costa|Cruz|D'Angelo|D'Souza"
    "|da Silva|Davies|Davis|de la Cruz|de Vries|Delgado|Demir|Diaz|Dubois|Dupont|Dvořák|Edwards|Eriksson|Evans"
    "|Fernández|Ferrari|Fischer|Fontaine|Foster|Fournier|Fuchs|Gallagher|García|Garnier|Gómez|González|Gray|Green|Gruber|Guérin"
    "|Gupta|Haas|Hall|Hansen|Harris|Hassan|Hernández|Hill|Hoffmann|Horváth|Huber|Hughes|Ibrahim|Ito|Jackson|Jansen"
    "|Jensen|Johansson|Johnson|Jones|Kaplan|Kaya|Keller|Kelly|Khan|King|Kobayashi|Kowalski|Krüger|Kumar|Lambert|Larsen"
    "|Le Goff|Lee|Lefèvre|Lehmann|Lewis|Li|Lindqvist|Lombardi|López|Ludwig|MacDonald|Maier|Marchand|Marino|Martin"
    "|Martínez|McCarthy|McGregor|Mehta|Meyer|Miller|Mitchell|Møller|Moore|Morales|Moreau|Moretti|Morgan|Müller|Murphy"
    "|Nagy|Nakamura|Neumann|Nguyễn|Nielsen|Nilsson|Novák|Nowak|O'Brien|O'Connor|O'Neill|O'Reilly|Okafor|Olsen|Ortiz"
    "|Øvergård|Özdemir|Parker|Patel|Pereira|Pérez|Perrin|Petersen|Peterson|Phillips|Quinn|Ramírez|Reyes|Ribeiro|Ricci"
    "|Richter|Rivera|Roberts|Robinson|Rodríguez|Rojas|Romano|Rossi|Roussel|Roux|Ruiz|Russo|Ryan|Sánchez|Santos|Sato"
    "|Schmidt|Schneider|Schröder|Schulz|Scott|Sharma|Silva|Šimůnek|Simon|Singh|Smith|Smith-Jones|Söderberg|Sokolov"
    "|Spencer|St. John|Stein|Stewart|Suzuki|Szabó|Tanaka|Taylor|Thomas|Thompson|Torres|Turner|van den Berg|van Dijk"
    "|Vargas|Vasquez|Vogel|von Braun|Wagner|Walker|Wallner|Walsh|Wang|Ward|Watanabe|Watson|Weber|Weiß|White|Wilson"
    "|Wolf|Wong|Wright|Yamamoto|Yılmaz|Young|Zhang|Ziegler|Zimmermann|李|田中".split("|")
)

NICKNAMES = {
    "Alejandro": "Alex",
    "Catherine": "Cathy",
    "Daniel": "Dan",
    "David": "Dave",
    "Jennifer": "Jen",
    "José": "Pepe",
    "Katherine": "Kate",
    "Margaret": "Peggy",
    "Michael": "Mike",
    "Patricia": "Pat",
    "Philip": "Phil",
    "Rebecca": "Becky",
    "Ricardo": "Ricky",
    "Richard": "Dick",
    "Robert": "Bob",
    "Stephen": "Steve",
    "Susan": "Sue",
    "Thomas": "Tom",
    "William": "Bill",
}

TITLES = (
    "CEO",
    "Chief Marketing Officer",
    "VP Marketing",
    "VP Sales",
    "Head of Growth",
    "Head of Digital",
    "Marketing Manager",
    "Senior Marketing Manager",
    "Marketing Operations Manager",
    "Demand Generation Manager",
    "Content Strategist",
    "Brand Manager",
    "Product Manager",
    "Software Engineer",
    "IT Director",
    "Procurement Lead",
    "Office Manager",
    "Account Executive",
    "Customer Success Manager",
    "Sales Director, EMEA",
    "CFO",
    "Analyst",
    "Consultant",
    "Founder & CEO",
)

COMPANY_FIRST = tuple(
    """Acme Alpine Amber Apex Aurora Baltic Beacon Blue Bright Cedar Cobalt Copper Crimson Crown Delta Eastern Ember
    Evergreen Falcon First Gamma Global Golden Granite Harbour Hudson Indigo Iron Juniper Keystone Lakeside Liberty
    Lunar Magnolia Maple Meridian Nordic North Nova Oak Ocean Olive Onyx Orchid Pacific Pinnacle Polar Prairie Quantum
    Rapid Redwood River Royal Sapphire Silver Solar Southern Sterling Summit Terra Tidal Titan Union Urban Vanguard
    Velvet Verdant Vertex Violet Western Willow Zenith""".split()
)
COMPANY_SECOND = tuple(
    """Analytics Biotech Brewing Capital Clinics Cloud Coffee Construction Consulting Cosmetics Dental Dynamics Energy
    Engineering Events Finance Foods Freight Furniture Gardens Health Hotels Insurance Interiors Labs Legal Logistics
    Manufacturing Media Mobility Motors Networks Optics Outdoor Packaging Partners Pharma Pictures Plastics Press
    Properties Recruiting Robotics Schools Security Software Sports Studios Systems Textiles Tools Travel Wines
    Works""".split()
)
COMPANY_FORMS = ("Inc.", "Ltd", "GmbH", "LLC", "S.A.", "AG", "")
ROLE_MAILBOXES = ("info", "sales", "office", "marketing", "contact")
FREE_MAIL = ("freemail.example", "post.example", "inbox.example")
OWNERS = tuple(
    f"{name}@hub-customer.example"
    for name in ("ana.ruiz", "ben.carter", "chloe.martin", "dev.patel", "elena.rossi", "finn.olsen")
)
"""E-mail addresses of the owners that appearances name, in every vendor the same."""

EMOJI = ("🎉", "🚀", "✨", "👩‍💻", "🌻", "🇩🇪")


@dataclass(frozen=True, slots=True)
class Place:
    """A country as people type it, with cities (city, region, region spelled out, postal prefix) and the telephone
    ranges kept for fiction: (prefix with country code, how many digits follow, written locally)."""

    code: str
    spellings: tuple[str, ...]
    cities: tuple[tuple[str, str, str, str], ...]
    ranges: tuple[tuple[str, int], ...]
    trunk: str
    streets: tuple[str, ...]
    number_first: bool = True


PLACES = (
    Place(
        "US",
        ("US", "USA", "United States", "United States of America", "U.S."),
        (
            ("New York", "NY", "New York", "100"),
            ("San Francisco", "CA", "California", "941"),
            ("Austin", "TX", "Texas", "787"),
            ("Chicago", "IL", "Illinois", "606"),
            ("Boston", "MA", "Massachusetts", "021"),
            ("Seattle", "WA", "Washington", "981"),
            ("Denver", "CO", "Colorado", "802"),
            ("Portland", "OR", "Oregon", "972"),
            ("Winston-Salem", "NC", "North Carolina", "271"),
        ),
        tuple(
            (f"1{area}55501", 2)
            for area in (
                *(212, 213, 214, 215, 216, 217, 303, 305, 309, 310, 312, 313, 314, 315, 316, 317, 401, 402, 404, 405),
                *(406, 407, 408, 409, 410, 412, 413, 414, 415, 417, 419, 501, 502, 503, 504, 505, 507, 508, 509, 510),
                *(512, 513, 515, 516, 517, 518, 601, 602, 603, 605, 606, 607, 608, 609, 610, 612, 614, 615, 616, 617),
            )
        ),
        "",
        ("Main St", "Oak Avenue", "Market Street", "5th Ave", "Sunset Blvd", "County Road 12", "Elm St, Apt 4"),
    ),
    Place(
        "GB",
        ("GB", "UK", "United Kingdom", "Great Britain"),
        (
            ("London", "", "Greater London", "EC1A"),
            ("Leeds", "", "West Yorkshire", "LS1"),
            ("Manchester", "", "Greater Manchester", "M1"),
            ("Edinburgh", "", "Scotland", "EH1"),
        ),
        tuple((f"44{area}0", 3) for area in ("113496", "114496", "116496", "117496", "121496", "161496", "207946")),
        "0",
        ("High Street", "Church Lane", "King's Road", "Station Rd", "Victoria Street"),
    ),
    Place(
        "DE",
        ("DE", "Germany", "Deutschland"),
        (
            ("Berlin", "BE", "Berlin", "101"),
            ("München", "BY", "Bayern", "803"),
            ("Köln", "NW", "Nordrhein-Westfalen", "506"),
            ("Hamburg", "HH", "Hamburg", "200"),
        ),
        (("493023125", 3), ("496990009", 3), ("494066969", 3), ("4989999980", 2), ("4989999985", 2)),
        "0",
        ("Hauptstraße", "Bahnhofstr.", "Goethestraße", "Am Markt"),
        number_first=False,
    ),
    Place(
        "FR",
        ("FR", "France"),
        (
            ("Paris", "", "Île-de-France", "750"),
            ("Lyon", "", "Auvergne-Rhône-Alpes", "690"),
            ("Nantes", "", "Pays de la Loire", "440"),
        ),
        (("3319900", 4), ("3326191", 4), ("3335301", 4), ("3346571", 4), ("3353649", 4)),
        "0",
        ("rue de la Paix", "avenue Victor Hugo", "place du Marché", "bd. Saint-Michel"),
    ),
)
"""Fictional ranges: North American 555-0100 to 555-0199; Ofcom's numbers for drama; the Bundesnetzagentur's for media;
ARCEP's for audiovisual works."""
