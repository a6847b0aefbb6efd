// SPDX-License-Identifier: Apache-2.0
// Rows of the table `documents` as ingest writes them.
#pragma once

#include <map>
#include <string>

#include "cairn/base/result.h"
#include "cairn/data/ingest.h"

namespace cairn::data {

struct StoredRow {
    DocumentRow row;
    int readers = 0;  ///< version of the readers that read the file
};

/// All rows of one source by path.
Result<std::map<std::string, StoredRow>> stored_rows(store::Store& store,
                                                     const std::string& source);
Status put_row(store::Store& store, const StoredRow& stored);

}  // namespace cairn::data
