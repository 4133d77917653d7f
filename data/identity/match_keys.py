"""Match keys, as DuckDB SQL: texts that are equal only for records of one person or company.

A key is NULL for a record that says too little to be matched. Letters are compared without case or accents.
"""

SHARED_DOMAINS = """
    gmail.com googlemail.com outlook.com hotmail.com hotmail.co.uk hotmail.fr live.com msn.com yahoo.com yahoo.co.uk
    yahoo.fr yahoo.de ymail.com icloud.com me.com mac.com aol.com gmx.de gmx.net gmx.com gmx.at web.de t-online.de
    mail.com mail.ru yandex.com yandex.ru yandex.com.tr proton.me protonmail.com qq.com 163.com 126.com zoho.com
    hey.com fastmail.com orange.fr free.fr laposte.net wanadoo.fr libero.it comcast.net att.net verizon.net
    btinternet.com mynet.com facebook.com instagram.com linkedin.com
"""
"""Domains of many companies: e-mail providers, and sites that host pages of companies."""

ROLE_MAILBOXES = """
    info sales office admin contact support billing hello mail email team accounts accounting finance invoices invoice
    orders order purchasing procurement marketing hr jobs help service reception post noreply no-reply donotreply
    none unknown test na
"""
"""Local parts of addresses that several people read, or that are placeholders."""

LEGAL_FORM_ABBREVIATIONS = {
    "limited": "ltd",
    "incorporated": "inc",
    "corporation": "corp",
    "company": "co",
    "anonim sirketi": "as",
    "limited sirketi": "ltd sti",
    "sirketi": "sti",
}

LEGAL_FORMS = """
    inc ltd llc llp lp plc corp co gmbh ag kg ohg ug se sa sas sarl srl spa bv nv ab as aps oy oyj pty pte kk sti bhd
"""

NAME_AND_FORM = (
    rf"^(.+?)((?: and co| ve tic| san ve tic| san| tic|{'|'.join(' ' + form for form in LEGAL_FORMS.split())})*)$"
)
"""Pattern with two groups: the words of a company's name (not empty), and the legal forms at its end."""


def email_key(value: str) -> str:
    """An e-mail address in lower case without spaces; NULL if it is no address."""
    address = rf"regexp_replace(regexp_replace(lower({value}), '\s', '', 'g'), '^mailto:', '')"
    return rf"CASE WHEN regexp_full_match({address}, '[^@<>,;]+@[^@<>,;]+\.[^@<>,;.]+') THEN {address} END"


def person_key(email: str, first_name: str, last_name: str) -> str:
    """The key of a person: the address, followed by the name if several people read the address."""
    roles = ", ".join(f"'{role}'" for role in ROLE_MAILBOXES.split())
    name = f"{normalized_words(first_name)} || ' ' || {normalized_words(last_name)}"
    address = email_key(email)
    return f"{address} || CASE WHEN split_part({address}, '@', 1) IN ({roles}) THEN ' ' || {name} ELSE '' END"


def domain_key(value: str) -> str:
    """The domain of a web address without protocol, ``www`` and path; NULL if none, or one that companies share."""
    domain = rf"regexp_replace(trim(lower({value})), '^([a-z]+://)?([^/@]*@)?(www\d*\.)?', '')"
    domain = rf"regexp_replace({domain}, '\.?([:/?#].*)?$', '')"
    shared = ", ".join(f"'{name}'" for name in SHARED_DOMAINS.split())
    return (
        rf"CASE WHEN regexp_full_match({domain}, '[^\s@.]+(\.[^\s@.]+)+') AND {domain} NOT IN ({shared}) "
        f"THEN {domain} END"
    )


def company_key(name: str) -> str:
    """The words of a company's name without its legal form; NULL if there are none."""
    return rf"nullif(regexp_extract({_with_short_forms(name)}, '{NAME_AND_FORM}', 1), '')"


def legal_form(name: str) -> str:
    """The legal form at the end of a company's name, abbreviated; NULL if there is none."""
    return rf"nullif(trim(regexp_extract({_with_short_forms(name)}, '{NAME_AND_FORM}', 2)), '')"


def normalized_words(value: str) -> str:
    """The letters and digits of a text in lower case, words separated by one space; empty if there are none."""
    plain_letters = f"replace(lower(strip_accents(coalesce({value}, ''))), 'ı', 'i')"
    without_marks = rf"regexp_replace(replace({plain_letters}, '&', ' and '), '[.''’`]', '', 'g')"
    return rf"trim(regexp_replace({without_marks}, '[^\pL\pN]+', ' ', 'g'))"


def _with_short_forms(name: str) -> str:
    """The normalized words of a company's name, long legal forms abbreviated."""
    words = f"' ' || {normalized_words(name)} || ' '"
    for long_form in sorted(LEGAL_FORM_ABBREVIATIONS, key=len, reverse=True):
        words = f"replace({words}, ' {long_form} ', ' {LEGAL_FORM_ABBREVIATIONS[long_form]} ')"
    return f"trim({words})"
