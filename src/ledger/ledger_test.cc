// SPDX-License-Identifier: Apache-2.0
// The ledger's invariants: counted once under replay and shuffle, additive rating, lines that sum
// to the total, half-open periods, late usage on the next invoice, books that cannot be edited, and
// nothing lost by SIGKILL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "cairn/base/clock.h"
#include "cairn/base/files.h"
#include "cairn/base/rng.h"
#include "cairn/ledger/invoice.h"
#include "cairn/ledger/prices.h"
#include "cairn/ledger/report.h"

namespace cairn::ledger {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Period kNovember = parse_period("2026-11").value();
const Period kDecember = parse_period("2026-12").value();
constexpr std::int64_t kHourMs = 3'600'000;

store::Database new_ledger(const PricesConfig& prices = {200'000, 20'000, 600'000}) {
    store::Database database = store::Database::open_memory().value();
    EXPECT_TRUE(open_ledger(database));
    EXPECT_TRUE(publish_prices(database, prices, "EUR", kNovember.start_ms));
    return database;
}

UsageEvent event_of(std::string tenant, std::string id, std::int64_t ended_ms) {
    UsageEvent event;
    event.tenant = std::move(tenant);
    event.request_id = std::move(id);
    event.scenario = "handbook";
    event.finish_reason = "stop";
    event.ended_ms = ended_ms;
    event.input_uncached = 100;
    event.input_cached = 50;
    event.output = 30;
    event.engine_ms = 200;
    return event;
}

RequestLogEntry log_of(const UsageEvent& event) {
    return {event.tenant,
            event.request_id,
            event.scenario,
            200,
            event.input_uncached + event.input_cached,
            event.input_cached,
            event.output,
            event.ended_ms};
}

Report report_of(store::Database& database, const Period& period = kNovember) {
    HardwareConfig hardware;
    hardware.price = 1000 * kPicosPerUnit;
    return make_report(database, period, hardware, kDecember.end_ms).value();
}

EndedRequest ended_of(std::string id, const EngineCount& total) {
    EndedRequest ended;
    ended.usage = event_of("acme", std::move(id), kNovember.start_ms + kHourMs);
    ended.share = {150, 50, 30};
    ended.run = {"run_1", kNovember.start_ms, total};
    return ended;
}

TEST(Period, IsHalfOpenOnTheUtcCalendar) {
    EXPECT_EQ(iso_time(kNovember.start_ms), "2026-11-01T00:00:00Z");
    EXPECT_EQ(iso_time(kNovember.end_ms), "2026-12-01T00:00:00Z");
    EXPECT_EQ(kDecember.end_ms, parse_period("2027-01").value().start_ms);
    EXPECT_EQ(month_of(kNovember.end_ms - 1), kNovember);
    EXPECT_EQ(month_of(kNovember.end_ms), kDecember);
    EXPECT_EQ(parse_period("2024-02-29")->end_ms, parse_period("2024-03-01")->start_ms);
    EXPECT_EQ(parse_period("2026")->end_ms, kDecember.end_ms);
    EXPECT_EQ(period_name(kNovember), "2026-11");
    EXPECT_EQ(period_name(parse_period("2026-11-03").value()), "2026-11-03");
    for (const char* bad :
         {"", "2026-13", "2026-1", "november", "2026-02-30", "20261", "2026-11-01T00"}) {
        EXPECT_FALSE(parse_period(bad)) << bad;
    }
}

TEST(Meter, AnEventLiesInExactlyOneMonth) {
    store::Database database = new_ledger();
    ASSERT_TRUE(record_usage(database, event_of("acme", "last", kNovember.end_ms - 1)));
    ASSERT_TRUE(record_usage(database, event_of("acme", "first", kNovember.end_ms)));
    EXPECT_EQ(report_of(database, kNovember).totals.requests, 1);
    EXPECT_EQ(report_of(database, kDecember).totals.requests, 1);
}

TEST(Meter, TheEnginesOwnCountsAreTheOtherSide) {
    store::Database database = new_ledger();
    ASSERT_TRUE(record_request(database, ended_of("r1", {150, 50, 30})));
    ASSERT_TRUE(record_request(database, ended_of("r1", {150, 50, 30}))) << "told twice";
    // The second ended first: its counts are older than those that are stored.
    ASSERT_TRUE(record_request(database, ended_of("r2", {320, 110, 64})));
    ASSERT_TRUE(record_request(database, ended_of("r3", {310, 100, 62})));
    EXPECT_THAT(reconcile(database, kNovember).value(),
                ElementsAre(HasSubstr("engine run_1 (open): counted 320 in (110 cached) and 64 "
                                      "out, its requests told 450 (150) and 90")));
    const EngineRun whole{"run_1", kNovember.start_ms, {450, 150, 90}};
    const std::int64_t later = kNovember.start_ms + 2 * kHourMs;
    ASSERT_TRUE(record_engine_run(database, whole, later, false));
    EXPECT_THAT(reconcile(database, kNovember).value(), ElementsAre());
    // Computed and told by nobody: an open engine may still be at it, an ended one may not.
    const EngineRun more{"run_1", kNovember.start_ms, {460, 150, 91}};
    ASSERT_TRUE(record_engine_run(database, more, later, false));
    EXPECT_THAT(reconcile(database, kNovember).value(), ElementsAre());
    ASSERT_TRUE(record_engine_run(database, more, later, true));
    EXPECT_THAT(reconcile(database, kNovember).value(), ElementsAre(HasSubstr("(ended)")));
    EXPECT_THAT(reconcile(database, kDecember).value(), ElementsAre());
}

TEST(Meter, ARequestIsMeteredAsTheEngineComputedIt) {
    store::Database database = new_ledger();
    EndedRequest chosen = ended_of("chosen", {150, 50, 30});
    chosen.exact = false;  // a quote: its words are metered, the engine generated none
    chosen.share = {120, 50, 0};
    ASSERT_TRUE(record_request(database, chosen));
    EXPECT_THAT(reconcile(database, kNovember).value(), ElementsAre());
    EndedRequest less = ended_of("less", {400, 100, 60});
    less.exact = false;
    less.share.input = 151;  // more than was metered
    ASSERT_TRUE(record_request(database, less));
    EndedRequest dearer = ended_of("dearer", {600, 200, 90});
    dearer.share.output = 29;
    ASSERT_TRUE(record_request(database, dearer));
    EXPECT_THAT(
        reconcile(database, kNovember).value(),
        ElementsAre(HasSubstr("dearer: metered 150 in (50 cached) and 30 out, the engine computed "
                              "150 (50) and 29"),
                    HasSubstr("less: metered 150 in")));
}

TEST(Meter, RefusesTheSameRequestWithOtherFigures) {
    store::Database database = new_ledger();
    UsageEvent event = event_of("acme", "r1", kNovember.start_ms);
    ASSERT_TRUE(record_usage(database, event));
    event.output = 31;
    EXPECT_EQ(record_usage(database, event).error().code, Code::kExists);
    event.request_id = "r2";
    event.output = -1;
    EXPECT_EQ(record_usage(database, event).error().code, Code::kInvalid);
    event.output = 1;
    event.tenant = "";
    EXPECT_EQ(record_usage(database, event).error().code, Code::kInvalid);
    EXPECT_EQ(report_of(database).totals.output, 30) << "a refused event leaves nothing behind";
}

TEST(Meter, CannotBeEditedOrDeleted) {
    store::Database database = new_ledger();
    ASSERT_TRUE(record_usage(database, event_of("acme", "r1", kNovember.start_ms)));
    EXPECT_FALSE(database.exec("UPDATE meter_events SET quantity = 0"));
    EXPECT_FALSE(database.exec("DELETE FROM meter_events"));
    EXPECT_FALSE(database.exec("UPDATE price_books SET input_per_token = 0"));
}

TEST(Reconcile, NamesEachDifferenceFromEitherSide) {
    store::Database database = new_ledger();
    const UsageEvent same = event_of("acme", "same", kNovember.start_ms);
    ASSERT_TRUE(record_usage(database, same));
    ASSERT_TRUE(log_request(database, log_of(same)));
    ASSERT_TRUE(log_request(database, log_of(same))) << "told twice";
    ASSERT_TRUE(
        log_request(database, {"acme", "refused", "handbook", 401, 0, 0, 0, kNovember.start_ms}));
    EXPECT_TRUE(report_of(database).differences.empty());

    // Metered and logged a moment apart: the quick comparison by time says no, the exact one yes.
    const UsageEvent apart = event_of("acme", "apart", kNovember.start_ms + 5);
    RequestLogEntry later = log_of(apart);
    later.ended_ms += 1;
    ASSERT_TRUE(record_usage(database, apart));
    ASSERT_TRUE(log_request(database, later));
    EXPECT_TRUE(report_of(database).differences.empty());

    const UsageEvent unlogged = event_of("acme", "unlogged", kNovember.start_ms);
    ASSERT_TRUE(record_usage(database, unlogged));
    const UsageEvent other = event_of("bolt", "other", kNovember.start_ms);
    ASSERT_TRUE(record_usage(database, other));
    RequestLogEntry wrong = log_of(other);
    wrong.completion_tokens = 29;
    ASSERT_TRUE(log_request(database, wrong));
    ASSERT_TRUE(
        log_request(database, {"bolt", "unmetered", "handbook", 200, 5, 0, 0, kNovember.start_ms}));
    EXPECT_THAT(report_of(database).differences,
                ElementsAre("acme unlogged: input_uncached: logged 0, metered 100",
                            "acme unlogged: input_cached: logged 0, metered 50",
                            "acme unlogged: output: logged 0, metered 30",
                            "bolt other: output: logged 29, metered 30",
                            "bolt unmetered: input_uncached: logged 5, metered 0"));
    wrong.completion_tokens = 28;
    EXPECT_EQ(log_request(database, wrong).error().code, Code::kExists);
    wrong.cached_tokens = wrong.prompt_tokens + 1;
    EXPECT_EQ(log_request(database, wrong).error().code, Code::kInvalid);
}

TEST(Prices, ABookIsForEverAndANewOneCountsFromItsDay) {
    store::Database database = new_ledger({200'000, 0, 600'000});
    EXPECT_EQ(
        publish_prices(database, {200'000, 0, 600'000}, "EUR", kNovember.start_ms + 1).value(), 1);
    const std::int64_t change_ms = kNovember.start_ms + 10 * 24 * kHourMs;
    EXPECT_EQ(publish_prices(database, {400'000, 0, 600'000}, "EUR", change_ms).value(), 2);
    EXPECT_EQ(publish_prices(database, {1, 1, 1}, "USD", change_ms).error().code, Code::kInvalid);
    ASSERT_TRUE(record_usage(database, event_of("acme", "before", change_ms - 1)));
    ASSERT_TRUE(record_usage(database, event_of("acme", "after", change_ms)));
    EXPECT_EQ(report_of(database).totals.price, 100 * 200'000 + 100 * 400'000 + 2 * 30 * 600'000);
    EXPECT_EQ(draft_invoice(database, "acme", kNovember, "us")->lines.size(), 6U)
        << "three meters at each of the two price lists; a price of zero is a line too";
}

TEST(Report, MatchesThePublishedJson) {
    store::Database database = new_ledger();
    UsageEvent event = event_of("acme", "r1", kNovember.start_ms + kHourMs);
    event.disconnected = true;
    ASSERT_TRUE(record_usage(database, event));
    ASSERT_TRUE(log_request(database, log_of(event)));
    ASSERT_TRUE(record_usage(database, event_of("bolt", "r1", kNovember.end_ms - 1)));
    ASSERT_TRUE(log_request(database, log_of(event_of("bolt", "r1", kNovember.end_ms - 1))));
    const nlohmann::json json = report_json(report_of(database));
    EXPECT_EQ(json["currency"], "EUR");
    EXPECT_EQ(json["from"], "2026-11-01");
    EXPECT_EQ(json["to"], "2026-12-01");
    EXPECT_EQ(json["totals"]["requests"], 2);
    EXPECT_EQ(json["totals"]["disconnected"], 1);
    EXPECT_EQ(json["totals"]["engine_ms"], 400);
    // 2 x (100 x 0.20 + 50 x 0.02 + 30 x 0.60) / 1e6
    EXPECT_EQ(json["totals"]["price"], "0.000078");
    EXPECT_EQ(json["lines"][0]["tenant"], "acme");
    EXPECT_EQ(json["days"][1]["day"], "2026-11-30");
    EXPECT_EQ(json["reconciled"], true);
    EXPECT_GT(json["machine"]["utilisation"], 0);
    EXPECT_THAT(report_html(report_of(database), "Harbour"),
                HasSubstr("agree with the request log"));
}

TEST(Invoice, IsNumberedImmutableAndLateUsageGoesToTheNext) {
    store::Database database = new_ledger({200'000'000, 20'000'000, 600'000'000});
    ASSERT_TRUE(record_usage(database, event_of("acme", "r1", kNovember.start_ms)));
    const auto draft = draft_invoice(database, "acme", kNovember, "Harbour").value();
    EXPECT_TRUE(draft.number.empty());
    EXPECT_FALSE(finalise_invoice(database, "acme", kNovember, "Harbour", kNovember.end_ms - 1));
    const auto final =
        finalise_invoice(database, "acme", kNovember, "Harbour", kNovember.end_ms).value();
    EXPECT_EQ(final.number, "INV-000001");
    EXPECT_EQ(money_cents(final.total), "0.04");

    ASSERT_TRUE(record_usage(database, event_of("acme", "late", kNovember.end_ms - 1)));
    ASSERT_TRUE(record_usage(database, event_of("acme", "r2", kDecember.start_ms)));
    const auto again =
        finalise_invoice(database, "acme", kNovember, "Other name", kDecember.end_ms).value();
    EXPECT_EQ(invoice_html(again), invoice_html(final)) << "asking again changes nothing";
    EXPECT_EQ(invoice_csv(draft_invoice(database, "acme", kNovember, "x").value()),
              invoice_csv(final));

    const auto next =
        finalise_invoice(database, "acme", kDecember, "Harbour", kDecember.end_ms).value();
    EXPECT_EQ(next.number, "INV-000002");
    ASSERT_EQ(next.lines.size(), 6U);
    EXPECT_TRUE(next.lines[0].correction);
    EXPECT_EQ(next.lines[0].charged, kNovember);
    EXPECT_FALSE(next.lines[5].correction);
    EXPECT_THAT(invoice_csv(next), HasSubstr(",Usage,Correction,"));
    EXPECT_FALSE(database.exec("UPDATE invoices SET body = ''"));
    EXPECT_FALSE(database.exec("DELETE FROM invoices"));
    EXPECT_EQ(list_invoices(database).value().size(), 2U);
    EXPECT_EQ(list_invoices(database, "bolt").value().size(), 0U);
}

TEST(Invoice, RefusesToSkipAPeriodOrToOverlap) {
    store::Database database = new_ledger();
    ASSERT_TRUE(record_usage(database, event_of("acme", "r1", kNovember.start_ms)));
    ASSERT_TRUE(record_usage(database, event_of("acme", "r2", kDecember.start_ms)));
    const auto skipped = finalise_invoice(database, "acme", kDecember, "us", kDecember.end_ms);
    ASSERT_FALSE(skipped);
    EXPECT_THAT(skipped.error().message, HasSubstr("usage of 2026-11 that is not invoiced yet"));
    EXPECT_EQ(draft_invoice(database, "acme", kDecember, "us")->lines.size(), 3U);
    ASSERT_TRUE(finalise_invoice(database, "acme", kNovember, "us", kDecember.end_ms));
    const Period overlapping{kNovember.start_ms + 1, kDecember.end_ms};
    EXPECT_EQ(finalise_invoice(database, "acme", overlapping, "us", kDecember.end_ms).error().code,
              Code::kInvalid);
    EXPECT_EQ(finalise_invoice(database, "nobody", kNovember, "us", kDecember.end_ms).error().code,
              Code::kNotFound);
}

TEST(Invoice, CsvHasFocusColumnsAndNoFormulas) {
    store::Database database = new_ledger();
    UsageEvent event = event_of("=cmd()", "r1", kNovember.start_ms);
    event.scenario = "a, \"b\"";
    ASSERT_TRUE(record_usage(database, event));
    const std::string csv = invoice_csv(draft_invoice(database, "=cmd()", kNovember, "us").value());
    EXPECT_THAT(csv, testing::StartsWith("BilledCost,BillingAccountId,"));
    EXPECT_THAT(csv, HasSubstr(",'=cmd(),"));
    EXPECT_THAT(csv, HasSubstr("\"a, \"\"b\"\"\""));
    EXPECT_THAT(csv, HasSubstr(",0.100,1000 Tokens,"));
}

// --- properties ---

UsageEvent random_event(Rng& rng, int number) {
    UsageEvent event = event_of(
        rng.below(2) == 0 ? "acme" : "bolt", "r" + std::to_string(number),
        kNovember.start_ms + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(
                                 kNovember.end_ms - kNovember.start_ms))));
    event.scenario = rng.below(2) == 0 ? "handbook" : "replies";
    event.input_uncached = static_cast<std::int64_t>(rng.below(5000));
    event.input_cached = static_cast<std::int64_t>(rng.below(3));
    event.output = static_cast<std::int64_t>(rng.below(900));
    event.engine_ms = static_cast<std::int64_t>(rng.below(4000));
    event.disconnected = rng.below(5) == 0;
    return event;
}

std::vector<UsageEvent> random_events(Rng& rng) {
    std::vector<UsageEvent> events;
    const int count = 1 + static_cast<int>(rng.below(30));
    for (int i = 0; i < count; ++i)
        events.push_back(random_event(rng, i));
    return events;
}

RC_GTEST_PROP(Ledger, ReplayAndShuffleChangeNothing, (std::uint64_t seed)) {
    Rng rng(seed);
    std::vector<UsageEvent> events = random_events(rng);
    store::Database once = new_ledger();
    for (const UsageEvent& event : events)
        RC_ASSERT(record_usage(once, event).has_value());
    const std::size_t count = events.size();
    for (std::size_t i = 0; i < count; ++i)
        events.push_back(events[rng.below(count)]);
    rng.shuffle(events);
    store::Database again = new_ledger();
    for (const UsageEvent& event : events)
        RC_ASSERT(record_usage(again, event).has_value());
    nlohmann::json first = report_json(report_of(once));
    nlohmann::json second = report_json(report_of(again));
    RC_ASSERT(first["totals"] == second["totals"]);
    RC_ASSERT(first["lines"] == second["lines"]);
    RC_ASSERT(first["days"] == second["days"]);
}

RC_GTEST_PROP(Ledger, LinesAndDaysAddUpToTheTotalsAndToTheEvents, (std::uint64_t seed)) {
    Rng rng(seed);
    const std::vector<UsageEvent> events = random_events(rng);
    store::Database database = new_ledger();
    std::int64_t output = 0;
    for (const UsageEvent& event : events) {
        RC_ASSERT(record_usage(database, event).has_value());
        RC_ASSERT(log_request(database, log_of(event)).has_value());
        output += event.output;
    }
    const Report report = report_of(database);
    Totals lines;
    Totals days;
    for (const ReportLine& line : report.lines)
        lines += line.totals;
    for (const ReportDay& day : report.days)
        days += day.totals;
    RC_ASSERT(lines == report.totals);
    RC_ASSERT(days == report.totals);
    RC_ASSERT(report.totals.requests == static_cast<std::int64_t>(events.size()));
    RC_ASSERT(report.totals.output == output);
    RC_ASSERT(report.differences.empty());
}

RC_GTEST_PROP(Rating, IsAdditive, (std::uint32_t a, std::uint32_t b, std::uint32_t price)) {
    const PricesConfig prices{price, price / 2, price * std::int64_t{3}};
    for (const MeterKind meter : kMeters) {
        const auto sum = rate(prices, meter, std::int64_t{a} + b);
        RC_ASSERT(sum == rate(prices, meter, a) + rate(prices, meter, b));
    }
}

RC_GTEST_PROP(Invoice, LinesSumToTheTotalAndEachIsWithinACent, (std::uint64_t seed)) {
    Rng rng(seed);
    const auto price = [&] { return static_cast<Picos>(rng.below(50'000'000)); };
    store::Database database = new_ledger({price(), price(), price()});
    for (const UsageEvent& event : random_events(rng)) {
        RC_ASSERT(record_usage(database, event).has_value());
    }
    PicosWide invoiced = 0;
    for (const char* tenant : {"acme", "bolt"}) {
        const Invoice invoice = draft_invoice(database, tenant, kNovember, "us").value();
        PicosWide billed = 0;
        PicosWide exact = 0;
        for (const InvoiceLine& line : invoice.lines) {
            billed += line.billed;
            exact += line.exact;
            const PicosWide away = line.billed - line.exact;
            RC_ASSERT(away < kPicosPerUnit / 100 && away > -kPicosPerUnit / 100);
            RC_ASSERT(round_to_cents(line.billed) == line.billed);
        }
        RC_ASSERT(billed == invoice.total);
        RC_ASSERT(invoice.total == round_to_cents(exact));
        invoiced += exact;
    }
    RC_ASSERT(invoiced == report_of(database).totals.price);
}

// --- kill -9 ---

[[noreturn]] void record_until_killed(const std::filesystem::path& file, int pipe_end) {
    store::Database database = store::Database::open(file).value();
    if (!open_ledger(database)) ::_exit(1);
    for (std::int64_t i = 0;; ++i) {
        if (!record_usage(database, event_of("acme", std::to_string(i), kNovember.start_ms + i)))
            ::_exit(1);
        if (::write(pipe_end, &i, sizeof(i)) != sizeof(i)) ::_exit(1);
    }
}

TEST(Ledger, KillNineLosesNoEventThatWasAcknowledgedAndHalvesNone) {
    const ScopedFolder folder("ledger");
    const std::filesystem::path file = folder.path() / "l.db";
    for (int round = 0; round < 4; ++round) {
        int ends[2];
        ASSERT_EQ(::pipe(ends), 0);
        const pid_t child = ::fork();
        if (child == 0) record_until_killed(file, ends[1]);
        ::close(ends[1]);
        std::int64_t said = -1;
        for (std::int64_t last = 0; ::read(ends[0], &last, sizeof(last)) == sizeof(last);) {
            said = last;
            if (said == 5 + 7 * round) ::kill(child, SIGKILL);
        }
        ::close(ends[0]);
        ::waitpid(child, nullptr, 0);
        store::Database database = store::Database::open(file).value();
        ASSERT_TRUE(publish_prices(database, {200'000, 20'000, 600'000}, "EUR", 0));
        const Totals totals = report_of(database).totals;
        EXPECT_GE(totals.requests, said + 1);
        EXPECT_EQ(totals.output, 30 * totals.requests);
        EXPECT_EQ(totals.engine_ms, 200 * totals.requests);
    }
}

}  // namespace
}  // namespace cairn::ledger
