"""Settings: everything that can be set from outside, read once by bootstrap. Imports nothing of ours.

Source: environment variables with the prefix ``FUNDLINK_``. An unknown name refuses to start.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "FUNDLINK_"
TOKYO = ZoneInfo("Asia/Tokyo")


class SettingsError(Exception):
    """The environment cannot be used; ``faults`` names every wrong setting."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


class Settings(BaseSettings):
    """All settings; each description stands in the README's table."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid")

    home: Path = Field(default=Path("~/.fundlink"), description="データの置き場所 / data folder")
    database_url: str = Field(default="", description="空なら HOME の SQLite、または postgresql://… / empty: SQLite in HOME")
    environment: Literal["demo", "production"] = Field(default="demo", description="production では鍵・団体の自動作成をしない")
    gateway_url: str = Field(default="http://127.0.0.1:8180", description="ゲートウェイの接続先 / where the gateway listens")
    gateway_certificate: Path | None = Field(default=None, description="信頼するゲートウェイの証明書（PEM） / pinned certificate")
    gateway_timeout_s: float = Field(default=30.0, gt=0, description="1回の通信の上限秒数 / timeout of one call")
    gateway_attempts: int = Field(
        default=4, ge=1, le=8, description="接続できないときの、その場の最大試行回数 / attempts of one call that makes no connection"
    )
    profiles: Path | None = Field(default=None, description="追加プロファイルの置き場所（先に探す） / extra profiles, searched first")
    calendar: Path | None = Field(
        default=None, description="営業日の暦の置き場所。空なら同梱のもの / folder of the calendar; empty: the shipped one"
    )
    now: dt.datetime | None = Field(default=None, description="業務時刻を固定する（試験用） / fixes business time")
    host: str = Field(default="127.0.0.1", description="serve の待受アドレス / address of serve")
    port: int = Field(default=8080, ge=0, le=65535, description="serve の待受ポート / port of serve")
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="監視の数値（/metrics）だけの待受ポート。空なら PORT で出す（production では出さない） / port of the metrics alone",
    )
    min_free_mb: int = Field(
        default=512, ge=0, description="これより空きが少ないと /readyz が断る（MiB） / free space that readiness wants"
    )
    log_format: Literal["text", "json"] = Field(default="text", description="serve / work のログの形 / form of the log")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="ログに出す重さ / least level of the log")
    chunk_rows: int = Field(default=10_000, ge=1, le=100_000, description="一度に処理する行数 / rows a chunk")
    message_records: int = Field(default=10_000, ge=1, le=10_000, description="1電文の最大件数 / slips a message")
    max_body_bytes: int = Field(
        default=1_048_576, ge=1024, description="API 本文の上限（一括取込を除く） / API body limit but for bulk intake"
    )
    max_upload_bytes: int = Field(default=2_147_483_648, ge=1024, description="一括取込の上限 / bulk intake limit")
    slip_font: Path | None = Field(
        default=None, description="納付書の補助フォント（外字・人名漢字用の TTF / OTF） / second font of slips, for names"
    )
    slip_template: Path | None = Field(
        default=None, description="納付書の紙面（typst）。空なら同梱のもの / layout of slips; empty: the shipped one"
    )
    session_idle_s: int = Field(default=1_800, ge=60, description="操作がないとログインが切れる秒数 / idle limit of a login")
    session_s: int = Field(default=36_000, ge=60, description="ログインが切れるまでの秒数 / absolute limit of a login")
    step_up_s: int = Field(default=600, ge=30, description="確認コードが有効な秒数（お金の操作） / how long a second factor counts")
    plain_http: bool = Field(
        default=False,
        description="待受が自分の機械の外でも http で画面を使う（production では不可。127.0.0.1 なら不要） / console over http beyond localhost",
    )
    rate_per_s: int = Field(default=500, ge=1, description="API キー 1 つの 1 秒あたりの要求数 / requests a second and key")
    interval_s: float = Field(default=60.0, gt=0, description="work / serve が道を一巡する間隔 / pause between rounds of the worker")
    worker: str = Field(
        default="",
        max_length=40,
        pattern=r"^[A-Za-z0-9._-]*$",
        description="作業係の名前（PostgreSQL。データベースで一つだけ）。空ならホスト名と番号 / name of this worker, unique in its database; empty: host name and number",
    )
    worker_tasks: int = Field(default=4, ge=1, le=64, description="作業係が同時に進める仕事の数 / tasks that a worker has in hand at once")
    worker_poll_s: float = Field(default=0.5, gt=0, le=60, description="作業係が待ち行列を見る間隔 / how often a worker looks at its queue")
    seed: int | None = Field(default=None, description="確認番号を再現可能にする（production では不可） / seeded confirmation numbers")

    @field_validator("now")
    @classmethod
    def _aware(cls, value: dt.datetime | None) -> dt.datetime | None:
        return value.replace(tzinfo=TOKYO) if value is not None and value.tzinfo is None else value

    @property
    def folder(self) -> Path:
        """The data folder, absolute."""
        return self.home.expanduser().resolve()

    @property
    def stays_here(self) -> bool:
        """Whether what is served can be reached from this machine alone."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def console(self) -> str:
        """Where a browser on this machine finds the pages of serve."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/console/"

    @property
    def url(self) -> str:
        """The SQLAlchemy address of the database."""
        return self.database_url or f"sqlite:///{self.folder / 'fundlink.db'}"


def read_settings() -> Settings:
    """Settings from the environment; raises SettingsError naming every fault at once."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    faults = [f"知らない設定です: {name}" for name in sorted(os.environ) if name.startswith(PREFIX) and name not in known]
    try:
        settings = Settings()
    except ValidationError as error:
        faults += [f"{PREFIX}{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors()]
        raise SettingsError(faults) from None
    if faults:
        raise SettingsError(faults)
    return settings


def for_child(given: dict[str, str]) -> dict[str, str]:
    """The environment of a process that we start, with these settings changed."""
    return {**os.environ, **{PREFIX + name.upper(): value for name, value in given.items()}}
