"""Column lists of our SHOW statements, in each vendor's order. Clients cut results by position, so order is interface.

Owns names and order; refuses to know values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from routine_load.ids import Compat


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


ROUTINE_LOAD_COLUMNS: Final[Mapping[Compat, tuple[str, ...]]] = {
    Compat.STARROCKS: _names(
        "Id Name CreateTime PauseTime EndTime DbName TableName State DataSourceType CurrentTaskNum JobProperties "
        "DataSourceProperties CustomProperties Statistic Progress TimestampProgress ReasonOfStateChanged ErrorLogUrls "
        "TrackingSQL OtherMsg LatestSourcePosition OffsetLag"
    ),
    Compat.DORIS: _names(
        "Id Name CreateTime PauseTime EndTime DbName TableName IsMultiTable State DataSourceType CurrentTaskNum "
        "JobProperties DataSourceProperties CustomProperties Statistic Progress Lag ReasonOfStateChanged ErrorLogUrls "
        "OtherMsg User Comment ComputeGroup FirstErrorMsg"
    ),
}

ROUTINE_LOAD_TASK_COLUMNS: Final[Mapping[Compat, tuple[str, ...]]] = {
    Compat.STARROCKS: _names(
        "TaskId TxnId TxnStatus JobId CreateTime LastScheduledTime ExecuteStartTime Timeout BeId DataSourceProperties "
        "Message"
    ),
    Compat.DORIS: _names("TaskId TxnId TxnStatus JobId CreateTime ExecuteStartTime Timeout BeId DataSourceProperties"),
}

CREATE_ROUTINE_LOAD_COLUMNS: Final[Mapping[Compat, tuple[str, ...]]] = {
    Compat.STARROCKS: ("Job", "Create Job"),
    Compat.DORIS: ("JobId", "JobName", "CreateStmt"),
}

ROUTINE_LOAD_VERSIONS_COLUMNS: Final = ("Version", "CreateTime", "User", "IsCurrent", "Changes", "CreateStmt")

BACKENDS_COLUMNS: Final[Mapping[Compat, tuple[str, ...]]] = {
    Compat.STARROCKS: _names(
        "BackendId IP HeartbeatPort BePort HttpPort BrpcPort LastStartTime LastHeartbeat Alive SystemDecommissioned "
        "ClusterDecommissioned TabletNum DataUsedCapacity AvailCapacity TotalCapacity UsedPct MaxDiskUsedPct ErrMsg "
        "Version Status DataTotalCapacity DataUsedPct CpuCores MemLimit NumRunningQueries MemUsedPct CpuUsedPct "
        "DataCacheMetrics Location StatusCode"
    ),
    Compat.DORIS: _names(
        "BackendId Host HeartbeatPort BePort HttpPort BrpcPort ArrowFlightSqlPort LastStartTime LastHeartbeat Alive "
        "SystemDecommissioned TabletNum DataUsedCapacity TrashUsedCapacity AvailCapacity TotalCapacity UsedPct "
        "MaxDiskUsedPct RemoteUsedCapacity Tag ErrMsg Version Status HeartbeatFailureCounter NodeRole CpuCores Memory "
        "LiveSince RunningTasks"
    ),
}

FILE_COLUMNS: Final = _names("Id DbName Catalog FileName FileSize IsContent MD5")

COMPUTE_NODES_COLUMNS: Final = _names(
    "ComputeNodeId IP HeartbeatPort BePort HttpPort BrpcPort LastStartTime LastHeartbeat Alive SystemDecommissioned "
    "ClusterDecommissioned ErrMsg Version CpuCores MemLimit NumRunningQueries MemUsedPct CpuUsedPct DataCacheMetrics "
    "HasStoragePath StatusCode"
)

FRONTENDS_COLUMNS: Final[Mapping[Compat, tuple[str, ...]]] = {
    Compat.STARROCKS: _names(
        "Id Name IP EditLogPort HttpPort QueryPort RpcPort Role ClusterId Join Alive ReplayedJournalId LastHeartbeat "
        "IsHelper ErrMsg StartTime Version"
    ),
    Compat.DORIS: _names(
        "Name Host EditLogPort HttpPort QueryPort RpcPort ArrowFlightSqlPort Role IsMaster ClusterId Join Alive "
        "ReplayedJournalId LastStartTime LastHeartbeat IsHelper ErrMsg Version CurrentConnected LiveSince"
    ),
}

PROCESSLIST_COLUMNS: Final[Mapping[Compat, tuple[str, ...]]] = {
    Compat.STARROCKS: _names(
        "ServerName Id User Host Db Command ConnectionStartTime Time State Info IsPending Warehouse CNGroup Catalog "
        "QueryId"
    ),
    Compat.DORIS: _names("CurrentConnected Id User Host LoginTime Catalog Db Command Time State QueryId Info FE"),
}

GRANTS_COLUMNS: Final[Mapping[Compat, tuple[str, ...]]] = {
    Compat.STARROCKS: _names("UserIdentity Catalog Grants"),
    Compat.DORIS: _names(
        "UserIdentity Comment Password Roles GlobalPrivs CatalogPrivs DatabasePrivs TablePrivs ColPrivs ResourcePrivs "
        "CloudClusterPrivs CloudStagePrivs StorageVaultPrivs WorkloadGroupPrivs"
    ),
}
