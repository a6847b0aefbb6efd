// SPDX-License-Identifier: Apache-2.0
// What hub_client.cc and hub_fetch.cc share: a request to the hub with its retries.
#pragma once

#include "cairn/operate/hub.h"
#include "http_client.h"

namespace cairn::operate {

/// True for a path that stays inside its folder on every system: relative, no "..", no backslash,
/// no control character.
bool is_safe_path(std::string_view path);

/// Sends what `next_request` makes until it is answered with 2xx (or with a redirect that must not
/// be followed), with pauses after answers and failures that may pass. For a request with a range,
/// an attempt that brought bytes counts as a new beginning.
/// Errors: as find_hub_model.
Result<HttpResponse> ask_hub(const std::function<HttpRequest()>& next_request,
                             const HubOptions& options, const HubReference& reference,
                             const BodySink& sink);

/// The address of one file at one commit.
Result<Url> file_url(const HubModel& model, const HubOptions& options, const std::string& path);

/// Asks for size and checksum of a file that the listing did not describe.
Status describe_file(const HubModel& model, const HubOptions& options, HubFile& file);

}  // namespace cairn::operate
