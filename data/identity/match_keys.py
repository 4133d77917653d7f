"""When two records are the same beyond doubt, as DuckDB SQL: keys that only records of one person or company share.

A key is NULL where a record says too little to be the same as another. Letters are compared without case or accents.
"""

SHARED_DOMAINS = """
    gmail.com googlemail.com outlook.com hotmail.com hotmail.co.uk hotmail.fr live.com msn.com yahoo.com yahoo.co.uk
    yahoo.fr yahoo.de ymail.com icloud.com me.com mac.com aol.com gmx.de gmx.net gmx.com gmx.at web.de t-online.de
    mail.com mail.ru yandex.com yandex.ru yandex.com.tr proton.me protonmail.com qq.com 163.com 126.com zoho.com
    hey.com fastmail.com orange.fr free.fr laposte.net wanadoo.fr libero.it comcast.net att.net verizon.net
    btinternet.com mynet.com facebook.com instagram.com linkedin.com
"""
"""Domains of many companies: where their people write from, or where their page is."""

ROLES = """
    info sales office admin contact support billing hello mail email team accounts accounting finance invoices invoice
    orders order purchasing procurement marketing hr jobs help service reception post noreply no-reply donotreply
    none unknown test na
"""
"""What stands before the @ of an address that several people read, or that stands for nobody."""

FORMS = {
    "limited": "ltd",
    "incorporated": "inc",
    "corporation": "corp",
    "company": "co",
    "anonim sirketi": "as",
    "limited sirketi": "ltd sti",
    "sirketi": "sti",
}
"""Legal forms that have a shorter spelling."""

SHORT_FORMS = """
    inc ltd llc llp lp plc corp co gmbh ag kg ohg ug se sa sas sarl srl spa bv nv ab as aps oy oyj pty pte kk sti bhd
"""


def email(value: str) -> str:
    """The address without case and blanks; NULL where it is no address."""
    plain = rf"regexp_replace(regexp_replace(lower({value}), '\s', '', 'g'), '^mailto:', '')"
    return rf"CASE WHEN regexp_full_match({plain}, '[^@<>,;]+@[^@<>,;]+\.[^@<>,;.]+') THEN {plain} END"


def person(address: str, first_name: str, last_name: str) -> str:
    """The key of a person: the address, and the name with it where several people read the address."""
    roles = ", ".join(f"'{role}'" for role in ROLES.split())
    name = f"{letters(first_name)} || ' ' || {letters(last_name)}"
    normal = email(address)
    return f"{normal} || CASE WHEN split_part({normal}, '@', 1) IN ({roles}) THEN ' ' || {name} ELSE '' END"


def domain(value: str) -> str:
    """The bare domain of an address of the web; NULL where there is none, or many companies share it."""
    bare = rf"regexp_replace(trim(lower({value})), '^([a-z]+://)?([^/@]*@)?(www\d*\.)?', '')"
    bare = rf"regexp_replace({bare}, '\.?([:/?#].*)?$', '')"
    shared = ", ".join(f"'{name}'" for name in SHARED_DOMAINS.split())
    return rf"CASE WHEN regexp_full_match({bare}, '[^\s@.]+(\.[^\s@.]+)+') AND {bare} NOT IN ({shared}) THEN {bare} END"


def letters(value: str) -> str:
    """Lower-case letters and digits, in words with one blank between; empty where there are none."""
    plain = f"replace(lower(strip_accents(coalesce({value}, ''))), 'ı', 'i')"
    plain = rf"regexp_replace(replace({plain}, '&', ' and '), '[.''’`]', '', 'g')"
    return rf"trim(regexp_replace({plain}, '[^\pL\pN]+', ' ', 'g'))"


def company(name: str) -> str:
    """The words of a company's name without its legal form; NULL where there are none."""
    return rf"nullif(regexp_extract({_formed(name)}, '{_pattern()}', 1), '')"


def form(name: str) -> str:
    """The legal form that ends a company's name, in its short spelling; NULL where it has none."""
    return rf"nullif(trim(regexp_extract({_formed(name)}, '{_pattern()}', 2)), '')"


def _formed(name: str) -> str:
    words = f"' ' || {letters(name)} || ' '"
    for long in sorted(FORMS, key=len, reverse=True):
        words = f"replace({words}, ' {long} ', ' {FORMS[long]} ')"
    return f"trim({words})"


def _pattern() -> str:
    """A name, which is not empty, and the forms at its end."""
    return (
        rf"^(.+?)((?: and co| ve tic| san ve tic| san| tic|{'|'.join(' ' + short for short in SHORT_FORMS.split())})*)$"
    )
