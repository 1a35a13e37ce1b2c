namespace AudioToken.Backends.Cuda.Driver;

/// <summary>The driver's result codes that are told apart here (cuda.h, CUresult).</summary>
internal enum CudaResult
{
    Success = 0,
    InvalidValue = 1,
    OutOfMemory = 2,
    NoDevice = 100,
    InvalidImage = 200,
    NoBinaryForGpu = 209,
    EccUncorrectable = 214,
    InvalidPtx = 218,
    UnsupportedPtxVersion = 222,
    Contained = 226,
    NotReady = 600,
    IllegalAddress = 700,
    LaunchTimeout = 702,
    ContextIsDestroyed = 709,
    Assert = 710,
    LaunchFailed = 719,
    TensorMemoryLeak = 721,
    NotSupported = 801,
    Unknown = 999,
}
