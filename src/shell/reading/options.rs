//! Programs that read with some options only.

use super::arguments::{AllowedOptions, GivenArguments};
use super::readers::is_among;
use super::{forms, queries, scripts};

/// A program with the options that it may be given, and a test of the rest.
struct Form {
    names: &'static str,
    allowed: AllowedOptions,
    reads: fn(&GivenArguments<'_>) -> bool,
}

const fn form(
    names: &'static str,
    flags: &'static str,
    valued: &'static str,
    long: &'static str,
    reads: fn(&GivenArguments<'_>) -> bool,
) -> Form {
    Form {
        names,
        allowed: AllowedOptions {
            flags,
            valued,
            long,
        },
        reads,
    }
}

fn any(_: &GivenArguments<'_>) -> bool {
    true
}

fn no_operand(given: &GivenArguments<'_>) -> bool {
    given.operands.is_empty()
}

/// A second operand would be written to.
fn one_operand(given: &GivenArguments<'_>) -> bool {
    given.operands.len() <= 1
}

fn is_format(given: &GivenArguments<'_>) -> bool {
    given
        .operands
        .iter()
        .all(|operand| operand.starts_with('+'))
}

fn is_counted(given: &GivenArguments<'_>) -> bool {
    given.has(&["c"]) && one_operand(given)
}

fn is_batch(given: &GivenArguments<'_>) -> bool {
    given.has(&["b"])
}

/// The letter takes its value from another argument than its own, in which more letters may follow.
fn has_levels(given: &GivenArguments<'_>) -> bool {
    let levels = given.values(&["L"]);
    levels.iter().all(|level| level.parse::<u32>().is_ok())
}

fn lists_rules(given: &GivenArguments<'_>) -> bool {
    given.has(&["L", "S", "list", "list-rules"])
}

fn assigns_nothing(given: &GivenArguments<'_>) -> bool {
    given.operands.iter().all(|operand| !operand.contains('='))
}

fn asks_packages(given: &GivenArguments<'_>) -> bool {
    let queries = [
        "list", "show", "showpkg", "policy", "search", "depends", "rdepends", "madison",
    ];
    queries.contains(&given.first())
}

fn queries_packages(given: &GivenArguments<'_>) -> bool {
    given.has(&["q", "query"]) && !given.operands.iter().any(|operand| operand.contains('%'))
}

fn shows_units(given: &GivenArguments<'_>) -> bool {
    given.operands.is_empty() || is_among(SYSTEMCTL, given.first())
}

const SYSTEMCTL: &str = "cat get-default is-active is-enabled is-failed is-system-running list-dependencies list-jobs \
        list-sockets list-timers list-unit-files list-units show status";

const FORMS: &[Form] = &[
    form(
        "apt apt-cache",
        "qa",
        "",
        "installed upgradable upgradeable all-versions manual-installed names-only",
        asks_packages,
    ),
    form("arp", "anev", "", "", one_operand),
    form(
        "curl",
        "sSfLIkivgN#46",
        "HAumxwoXeb",
        "silent show-error fail location insecure head include verbose compressed max-time= \
        connect-timeout= retry= retry-delay= header= user-agent= user= resolve= unix-socket= http1.1 \
        http2 write-out= output= request= no-progress-meter proxy= cacert= ipv4 ipv6 fail-with-body",
        forms::curl_reads,
    ),
    form(
        "date",
        "uR",
        "dfrI?",
        "utc universal date= reference= iso-8601 rfc-email rfc-3339=",
        is_format,
    ),
    form(
        "dmesg",
        "TtxkuHPLwWdeSrh",
        "lfF",
        "level= facility= human ctime kernel userspace follow nopager decode",
        no_operand,
    ),
    form(
        "dpkg-query",
        "lLsSWp",
        "f",
        "list listfiles status search show showformat=",
        any,
    ),
    form("file", "bikLNrsSvhpE0", "F", "brief mime-type mime", any),
    form(
        "hostname",
        "fsiIdA",
        "",
        "fqdn short ip-address all-ip-addresses",
        no_operand,
    ),
    form("ifconfig", "a", "", "", one_operand),
    form(
        "iptables ip6tables",
        "nvxLS",
        "t",
        "line-numbers list list-rules numeric verbose",
        lists_rules,
    ),
    form(
        "journalctl",
        "xefrkaqb0",
        "untpgoSUDF",
        "no-pager since= until= unit= user-unit= lines= follow reverse output= priority= grep= boot \
        dmesg utc no-hostname disk-usage list-boots user system identifier= catalog quiet all full \
        header merge pager-end",
        any,
    ),
    form(
        "jq",
        "rcCMSsnjeaR",
        "",
        "raw-output compact-output slurp null-input sort-keys exit-status",
        any,
    ),
    form("lastlog", "", "ubt", "user= before= time=", no_operand),
    form("lsof", "abClnNoPRtUVX", "pucgiT?F?s?d", "", any),
    form(
        "lvs pvs vgs lvdisplay pvdisplay vgdisplay",
        "av",
        "oOS",
        "noheadings units= options= segments all",
        any,
    ),
    form(
        "mysql mariadb",
        "NBsrtEHXv",
        "uhPDSep?",
        "user= host= port= database= execute= batch skip-column-names table silent raw vertical \
        protocol= socket= password",
        queries::mysql_reads,
    ),
    form("ping ping6", "46nqO", "cWwsIt", "", is_counted),
    form(
        "psql",
        "tAqxXwn1",
        "cUhpdF",
        "command= username= host= port= dbname= tuples-only no-align no-psqlrc quiet csv expanded \
        field-separator= no-password",
        queries::psql_reads,
    ),
    form(
        "redis-cli",
        "",
        "hpna",
        "no-auth-warning user= pass= raw",
        queries::redis_reads,
    ),
    form(
        "rg",
        "niwlcovFSsuaUHLhNIxPp0",
        "gteAmBCT",
        "hidden no-ignore files type= glob= context= max-count= count ignore-case fixed-strings \
        files-with-matches line-number no-heading",
        any,
    ),
    form("route", "ne46", "", "", no_operand),
    form(
        "rpm",
        "qailfpdRcv",
        "",
        "query qf= queryformat= last all info list changelog requires provides",
        queries_packages,
    ),
    form("sar", "ubBdqrRSvwWyAhpFHz", "nPfsei", "", any),
    form(
        "sed",
        "nErsuz",
        "e",
        "quiet silent regexp-extended expression= null-data separate unbuffered",
        scripts::sed_reads,
    ),
    form(
        "smartctl",
        "aAHixc",
        "",
        "all info health attributes xall scan",
        one_operand,
    ),
    form(
        "sort",
        "bdfghiMnRrVcCmsuz",
        "ktST",
        "numeric-sort reverse unique human-numeric-sort version-sort key= field-separator=",
        any,
    ),
    form(
        "ss",
        "tulnpaeoimsrxw46HOEZbz0",
        "fF",
        "tcp udp listening numeric processes all summary ipv4 ipv6 extended no-header",
        any,
    ),
    form("sysctl", "aneN", "", "all values names", assigns_nothing),
    form(
        "systemctl",
        "alqr",
        "tpno",
        "no-pager user system full all plain no-legend quiet failed lines= type= state= output= \
        property= value recursive reverse",
        shows_units,
    ),
    form("top", "bcHiS10", "ndpuUow", "", is_batch),
    form(
        "tree",
        "adfxlJXpugsDFCAnqNhtcUrSvQ",
        "L",
        "dirsfirst noreport du prune gitignore",
        has_levels,
    ),
    form(
        "uniq",
        "cdDiuz",
        "fsw",
        "count repeated unique ignore-case",
        one_operand,
    ),
    form("xxd", "abeEipuC", "clgso", "", one_operand),
];

/// Returns whether a program of this table only reads with these arguments; `None` if it is not in the table.
pub(super) fn reads(name: &str, arguments: &[&str]) -> Option<bool> {
    let form = FORMS.iter().find(|form| is_among(form.names, name))?;
    let given = form.allowed.take(arguments);
    Some(given.is_some_and(|given| (form.reads)(&given)))
}
