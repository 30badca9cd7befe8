#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The report as HTML, read by Python's parser: every tag is closed, nothing is fetched or run, hostile
# names stay text, and the figures are those of `varve summary`.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

store=sqlite:$work/store.db
log=$work/log
awk 'BEGIN {
    srand(5)
    print "ts,series,value"
    for (i = 0; i < 3000; i++) {
        t = 1750000020 + i * 5
        printf "%d,cpu_percent{core=\"0\"},%.17g\n", t, rand() * 100
        printf "%d,disk_bytes_total,%d\n", t, i * 4096
        if (i < 1000 || i > 1500) printf "%d,\"gap{v=\"\"</td><script>alert(1)</script>\"\"}\",%d\n", t, i
    }
    print "1750000021,\"quoted{v=\"\"a\\\"\" onload=\\\"\"x & <b>\\\\y\"\"}\",-1"
    print "1750000021,still,NaN\n1750000022,endless,+Inf\n1750000023,huge,1e308\n1750000024,huge,-1e308"
    print "1750000024,servers.web-1.load,1"
}' >"$work/in.csv"
printf '1750000030,"raw{v=""a\xffb\x01c""}",7\n' >>"$work/in.csv"
"$varve" import --store "$store" --keep-all --strict "$work/in.csv" 2>"$log" || fail "$(cat "$log")"

cat >"$work/read.py" <<'EOT'
import csv, html.parser, re, sys
page = open(sys.argv[1], 'rb').read().decode('utf-8')  # every byte of it is valid
rows = list(csv.DictReader(open(sys.argv[2], encoding='utf-8', errors='replace')))
events = int(sys.argv[3])
VOID = {'meta'}
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.tables, self.tags, self.doctype = [], [], {}, None
    def handle_decl(self, decl):
        self.doctype = decl
    def handle_starttag(self, tag, attrs):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        for name, value in attrs:
            assert name not in ('src', 'href', 'xlink:href') and not name.startswith('on'), (tag, name)
        if tag == 'table':
            self.tables.append([])
        elif tag == 'tr':
            self.tables[-1].append([])
        elif tag in ('td', 'th'):
            self.tables[-1][-1].append('')
        if tag == 'path':
            d = dict(attrs)['d']
            assert re.fullmatch(r'(?:[MLHVZh][-0-9. ]*)*', d), d
            numbers = [float(n) for n in re.findall(r'-?[0-9.]+', d)]
            assert all(-1 <= n <= 1001 for n in numbers), d
        if tag not in VOID:
            self.open.append(tag)
    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()
    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()
    def handle_data(self, data):
        if self.open and self.open[-1] in ('td', 'th', 'b', 'span', 'i') and self.tables:
            self.tables[-1][-1][-1] += data
p = Page()
p.feed(page)
p.close()
assert p.doctype == 'doctype html' and p.open == [], p.open
assert not {'script', 'link', 'img', 'iframe', 'object'} & p.tags.keys(), p.tags
assert 'url(' not in page and '@import' not in page and 'http' not in page
series = [r for r in p.tables[0][1:] if len(r) == 11]
assert len(series) == len(rows), (len(series), len(rows))
assert p.tags['svg'] == len(rows) + (1 if events else 0)
def text_of(series):  # as the page shows it
    name, _, labels = series.partition('{')
    raw = re.sub(r'\\(.)', r'\1', labels[:-1].replace('="', '=', 1)[:-1]) if labels else ''
    return re.sub('[\x00-\x1f]', '\ufffd', name + raw)
want = {text_of(r['series']): r for r in rows}
for row in series:
    r = want.pop(row[0])
    assert row[8] == r['count'], row
    assert row[10] == r['gaps'] or r['count'] == '0', row
    assert row[9].strip() == '%.1f %%' % (int(float(r['availability']) * 1000) / 10), row
    for shown, name in zip(row[2:7], ('last', 'min', 'avg', 'max', 'p95')):
        assert (shown == '\u2013') == (r[name] == ''), (row, name)
        if r[name] and abs(float(r[name])) < 9999:
            assert abs(float(shown) - float(r[name])) <= 1e-3 * abs(float(r[name])), (row, name)
assert not want, want
assert len(p.tables) == (2 if events else 1)
assert not events or len(p.tables[1]) == events + 1, len(p.tables[1])
print('%d series and %d events on %d kB' % (len(series), events, len(page) // 1024))
EOT

# check <page> <events> <source and range options>...
check() {
    local page=$1 events=$2
    shift 2
    "$varve" summary "$@" --format csv >"$work/summary.csv" 2>"$log"
    python3 "$work/read.py" "$page" "$work/summary.csv" "$events" || fail "the page is not right"
}

range=(--from 1750000020 --to 1750015015)
"$varve" export --store "$store" "${range[@]}" --output "$work/report.html" 2>"$log" || fail "$(cat "$log")"
check "$work/report.html" 0 --store "$store" "${range[@]}"
grep -q 'class="band"' "$work/report.html" || fail 'no band'
[ "$(grep -o 'class="line" d="[^"]*"' "$work/report.html" | grep -c 'M.*M')" -eq 1 ] || fail 'one line has a gap'

# Without a range: what there is. The last sample ends the period.
"$varve" export --store "$store" --format html >"$work/whole.html" 2>"$log" || fail "$(cat "$log")"
grep -q '<dd>4h 9m</dd>' "$work/whole.html" || fail "the period: $(grep -A1 Period "$work/whole.html")"
one=("$varve" export cpu_percent --store "$store" --format html)
if has_zlib "$store"; then
    "${one[@]}" --gzip | gzip -dc >"$work/one.html"
else
    "${one[@]}" >"$work/one.html"
fi
grep -qF '<h1>cpu_percent</h1>' "$work/one.html" || fail 'the title'
"$varve" export servers.web-1.load --store "$store" --format html | grep -qF 'path=<b>servers.web-1.load</b>' ||
    fail 'a dotted name'
"$varve" export --tier hour --store "$store" "${range[@]}" --output "$work/hour.html"
grep -qF 'There is no p95' "$work/hour.html" || fail 'cells without percentiles are not told'
check "$work/hour.html" 0 --store "$store" "${range[@]}" --tier hour
"$varve" export 'no<b>&{a="</title>"}' --store "$store" --output "$work/none.html" 2>"$log" &&
    fail 'a page of nothing'
[ ! -e "$work/none.html" ] || fail 'a page of nothing is there'
refuses 2 'leave --step and --agg out' "$varve" export --store "$store" --format html --step 1m
refuses 1 'cannot write' "$varve" export --store "$store" --output "$work/absent/x.html"
if [ -w /dev/full ]; then
    refuses 1 'cannot write' bash -c "'$varve' export --store '$store' --format html >/dev/full"
fi

# ---- a daemon, with its events
start_daemon "$(quick_conf <<'EOT'
[backend flash : sqlite]
path = varve.db
[collector load]
interval = 1s
EOT
)"
wait_until 15 "$varve" query load1 --socket "$socket"
"$varve" export --socket "$socket" --from -1m --output "$work/live.html" || fail 'of a daemon'
grep -qF 'started, collectors: 1, backends: 1' "$work/live.html" || fail 'the event of the start'
grep -qF 'Tasks that run or wait, averaged over a minute.' "$work/live.html" || fail 'the help'
python3 - "$work/live.html" <<'EOT' || fail 'the page of a daemon'
import sys
page = open(sys.argv[1], encoding='utf-8').read()
assert page.count('<tr') == page.count('</tr>') and page.rstrip().endswith('</html>')
assert page.count('class="mark ') == page.count('class="when"') >= 1
EOT
