"""Linear models: losses, the path of penalties, and products that give the same bits in any company."""
